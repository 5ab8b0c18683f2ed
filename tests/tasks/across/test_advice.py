"""Every `fix` is true: what it names exists, and what can be done without a person's judgement is done here.

The messages are read from the source: each recipe key, verb, flag, variable and file that one names is looked up where
it would be used.
"""

from __future__ import annotations

import argparse
import ast
import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from featherline import cli
from featherline.tasks.contracts.candidate import Candidate
from featherline.tasks.contracts.device import Device
from featherline.tasks.contracts.recipe import Recipe
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.request import Variable
from featherline.tasks.planning.recipes import read_recipe

ROOT = Path(__file__).parents[3]
SOURCES = [path for folder in ("tasks", "featherline", "plugins", "dags") for path in (ROOT / folder).rglob("*.py")]
FILES = ("tflite", "keras", "h5", "json", "sig", "txt", "py", "yaml", "md", "npz", "csv", "parquet")
CALLS = ("model.save", "model.save_weights")
"""Dotted words that are Python and no keys."""


def text_of(node: ast.AST) -> str | None:
    """Return a string of the source, `*` for what is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "*" for part in node.values)  # type: ignore[misc]
    return None


def messages() -> Iterator[tuple[str, str]]:
    """Yield place and text of every string of the source that is no docstring."""
    for path in SOURCES:
        tree = ast.parse(path.read_text())
        left_out: set[int] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                left_out.add(id(node.value))
            if isinstance(node, ast.JoinedStr):
                left_out.update(id(part) for part in ast.walk(node) if part is not node)
        for node in ast.walk(tree):
            text = None if id(node) in left_out else text_of(node)
            if text:
                yield f"{path.relative_to(ROOT)}:{node.lineno}", text  # type: ignore[attr-defined]


MESSAGES = list(messages())


def named(pattern: str) -> list[tuple[str, str]]:
    """Return place and word of all that a pattern finds, without repetition; none at all would be a broken pattern."""
    found = [(place, match[1]) for place, text in MESSAGES for match in re.finditer(pattern, text)]
    assert found
    return list(dict.fromkeys(found))


def contracts_in(kind: Any) -> list[type[BaseModel]]:
    """Return the contracts inside a type such as `FallbackLadder | None`."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [kind]
    return [found for part in typing.get_args(kind) for found in contracts_in(part)]


def has_key(contract: type[BaseModel], path: list[str]) -> bool:
    """Return whether a dotted key leads somewhere; `*` is any one key."""
    if not path:
        return True
    fields = contract.model_fields
    if path[0] == "*":
        return True
    if path[0] not in fields:
        return False
    kind = fields[path[0]].annotation
    inside = contracts_in(kind)
    return len(path) == 1 or "dict" in str(kind) or any(has_key(one, path[1:]) for one in inside)


def exists(key: str) -> bool:
    """Return whether a recipe, a candidate, a section of several steps or a device has a dotted key."""
    path = key.split(".")
    if path[0] == "candidates" and path[1] != "auto":
        path = path[2:]
        return not path or has_key(Candidate, path) or path[0] == "student"
    if path[0] in ("fit", "distillation"):
        return has_key(Candidate, ["prune", *path])
    return any(has_key(contract, path) for contract in (Recipe, Candidate, Device))


def test_every_key_that_a_message_names_exists():
    """A person who is told of `train.learning_rate` finds it in the schema."""
    sections = "|".join((*Recipe.model_fields, *Candidate.model_fields, "fit", "distillation", "budget"))
    keys = named(rf"(?<![\w./*{{-])((?:{sections})(?:\.(?:[a-z_][a-z_0-9]*|\*))+)(?![\w(*])")

    wrong = [
        (place, key)
        for place, key in keys
        if key.rpartition(".")[2] not in FILES and key not in CALLS and not exists(key)
    ]

    assert wrong == []


PARSER = cli._parser()
SUBPARSERS = next(one.choices for one in PARSER._actions if isinstance(one, argparse._SubParsersAction))


def test_every_verb_that_a_message_names_exists():
    """`make …` is a verb of the Makefile, `featherline …` one of the command line."""
    rules = set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert {verb for _, verb in named(r"(?:^|; |, |or |`)make ([a-z-]+)(?=$|,|;|`)")} <= rules
    assert {verb for _, verb in named(r"(?:^|; |, |\(|`|then |and )featherline ([a-z]+)\b(?! ?[:/])")} <= set(
        SUBPARSERS
    )


def test_every_flag_that_a_message_names_exists():
    """A flag in advice is one of the command line's or of a step's shell."""
    flags = {flag for one in SUBPARSERS.values() for flag in one._option_string_actions} | {"--request", "--store"}
    advice = [
        (place, text)
        for place, text in MESSAGES
        if re.search(r"\b(?:give|correct|write it like|up again with|rollback:) --", text)
    ]

    told = {flag for _, text in advice for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)}

    assert told
    assert told <= flags


def test_every_variable_that_a_message_names_is_read():
    """`FEATHERLINE_…` is a variable that some program of ours reads."""
    everything = "".join(path.read_text() for path in SOURCES)
    read = {str(variable) for variable in Variable}
    read |= set(re.findall(r"environ(?:\.get|\.pop|\.setdefault)?[([]\s*\"(FEATHERLINE_[A-Z_]+)\"", everything))
    read |= set(re.findall(r"^\s*[A-Z_]+ = \"(FEATHERLINE_[A-Z_]+)\"", everything, re.MULTILINE))

    assert {name for _, name in named(r"\b(FEATHERLINE_(?!_)[A-Z_]*[A-Z])\b")} - read == set()


def test_every_option_that_a_message_names_is_read():
    """`[featherline] name` of Airflow's configuration is one that the deployment reads."""
    everything = "".join(path.read_text() for path in SOURCES)
    read = set(re.findall(r'\boption\(\s*"(\w+)"', everything))
    told = [name for _, name in named(r"\[featherline\] (\w+)")]

    assert len(read) > 5
    assert told
    assert set(told) - read == set()


def test_every_page_that_a_message_names_is_there():
    """`docs/….md` and the scripts beside it are files of the project."""
    for place, name in named(r"\b((?:docs|tools|docker|recipes)/[\w./-]+\.(?:md|json|sh|py|yaml))\b"):
        assert (ROOT / name).is_file(), place


Trial = tuple[dict[str, Any], str, dict[str, Any]]
TRIALS: dict[str, Trial] = {
    "a typo in a key": ({"train.epoch": 3}, "did you mean epochs?", {"train.epoch": None, "train.epochs": 3}),
    "a typo in a value": (
        {"candidates.int8.prune.method": "chanel"},
        "did you mean channel?",
        {"candidates.int8.prune.method": "channel"},
    ),
    "nobody judges": (
        {"gate.min_quality": None, "release.approve": "never"},
        "set gate.min_quality to what the model is needed for, or release.approve to borderline or always",
        {"release.approve": "borderline"},
    ),
    "a floor is named": (
        {"gate.min_quality": None, "release.approve": "never"},
        "set gate.min_quality to what the model is needed for, or release.approve to borderline or always",
        {"gate.min_quality": 0.9},
    ),
    "a searched student without a search": (
        {"search.trials": 0},
        "add a search to the recipe, or set student: baseline",
        {"candidates.searched-int8.student": "baseline"},
    ),
    "a search that keeps nothing": (
        {"search.keep": 0},
        "raise search.keep, or set student: baseline",
        {"search.keep": 1},
    ),
    "a searched student without a teacher": (
        {"candidates.searched-int8.distill": {"method": "none"}},
        "set distill.method to logits or leave it out, or set student: baseline",
        {"candidates.searched-int8.distill.method": "logits"},
    ),
    "the same, left out": (
        {"candidates.searched-int8.distill": {"method": "none"}},
        "set distill.method to logits or leave it out, or set student: baseline",
        {"candidates.searched-int8.distill": {}},
    ),
    "a pruning in vain": (
        {"candidates.searched-int8.prune": {"method": "channel"}},
        "put it into trim, after distillation, or set student: baseline",
        {"candidates.searched-int8.prune": {}, "candidates.searched-int8.trim": {"method": "channel"}},
    ),
    "two architectures": (
        {"candidates.searched-int8.distill.architecture": {"builder": "cnn"}},
        "leave distill.architecture out, or set student: baseline",
        {"candidates.searched-int8.distill.architecture": None},
    ),
    "a ladder that no lane can use": (
        {"candidates.auto": {"qat": [True], "export": {"fallback_ladder": {}}}},
        "add false to candidates.auto.qat or a scheme to schemes, or leave export.fallback_ladder out",
        {"candidates.auto.qat": [True, False]},
    ),
    "the same, with a scheme": (
        {"candidates.auto": {"qat": [True], "export": {"fallback_ladder": {}}}},
        "add false to candidates.auto.qat or a scheme to schemes, or leave export.fallback_ladder out",
        {"candidates.auto.schemes": ["int8", "dynamic_wi8_afp32"]},
    ),
    "a search of nothing": (
        {"candidates.int8.quantize.scheme": {"search": []}},
        "add a value to it",
        {"candidates.int8.quantize.scheme": {"search": ["int8"]}},
    ),
    "a name that is taken": (
        {"candidates.baseline": {}},
        "rename candidates.baseline",
        {"candidates.baseline": None, "candidates.base": {}},
    ),
    "too many candidates": (
        {"candidates.int8.prune.keep_macs": {"search": [0.001 * n for n in range(1, 200)]}},
        "give candidates.int8 fewer values, or split the recipe",
        {"candidates.int8.prune.keep_macs": {"search": [0.5, 0.25]}},
    ),
    "values that names cannot tell apart": (
        {"candidates.auto": {"keep_macs": [0.5000001, 0.5000002]}},
        "give candidates.auto.keep_macs values that are further apart",
        {"candidates.auto.keep_macs": [0.5, 0.6]},
    ),
    "an override that takes nothing away": ({"candidates.int9": None}, "did you mean int8?", {"candidates.int9": {}}),
}


@pytest.mark.parametrize(("wrong", "fix", "mended"), TRIALS.values(), ids=TRIALS.keys())
def test_a_recipe_is_taken_when_the_advice_is_followed(wrong: dict[str, Any], fix: str, mended: dict[str, Any]):
    """The refusal gives this advice, and the recipe with it done is taken."""
    with pytest.raises(Refused) as refusal:
        read_recipe(ROOT / "recipes", "digits", wrong)
    assert fix in [problem.fix for problem in refusal.value.problems]

    kept = {key: value for key, value in (wrong | mended).items() if value is not None or key not in mended}
    read_recipe(ROOT / "recipes", "digits", kept)


def test_a_problem_always_has_a_fix():
    """Of the refusals that the source spells out, none leaves a person without advice."""
    empty = [
        f"{path}:{node.lineno}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        for given in node.keywords
        if given.arg == "fix" and getattr(node.func, "id", "") in ("refuse", "Problem") and text_of(given.value) == ""
    ]

    assert empty == []
