"""Reading recipes: YAML, overrides, environment variables, and the contract that refuses what it does not know."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from tasks.contracts.auto import SET_BY_THE_SEARCH
from tasks.contracts.device import Device
from tasks.contracts.plan import Candidate
from tasks.contracts.recipe import Recipe, known_keys
from tasks.contracts.refusal import Problem, Refused, did_you_mean, from_validation, refuse
from tasks.planning import expand
from tasks.proposing.grid import candidate, points

VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")
WRITTEN_IN = "the recipe, or its override"


def read_recipe(
    folder: Path, name: str, overrides: dict[str, Any], teacher_of: Callable[[str], str] | None = None
) -> Recipe:
    """Read `<folder>/<name>.yaml`, apply overrides, fill in environment variables, and check all of it.

    Args:
        folder: Of the recipes.
        name: Of the file, without `.yaml`.
        overrides: Values by dotted key, such as `{"train.epochs": 3}`. None removes a key, such as a candidate.
        teacher_of: Says where the model of a registered version lies, from `models:/…`; absent, that stays as written.

    Raises:
        Refused: There is no such recipe, or a key or value of it is wrong; every wrong one at once, candidates too.
    """
    raw = _read(folder, name, "recipe")
    for key, value in overrides.items():
        _set(raw, key, value)
    _fill_in(raw, teacher_of)
    try:
        recipe = Recipe.model_validate(raw)
    except ValidationError as error:
        raise from_validation(f"recipe {name}", error, known_keys(), written_in=WRITTEN_IN) from None
    _check_candidates(recipe)
    return recipe


def read_device(folder: Path, name: str) -> Device:
    """Read `<folder>/devices/<name>.yaml`. Raises `Refused` where it is absent or wrong."""
    try:
        return Device.model_validate(_read(folder / "devices", name, "device"))
    except ValidationError as error:
        known = {"": list(Device.model_fields), "budget": list(Device.model_fields["budget"].annotation.model_fields)}  # type: ignore[union-attr]
        written_in = str(folder / "devices" / f"{name}.yaml")
        raise from_validation(f"device {name}", error, known, written_in=written_in) from None


def _read(folder: Path, name: str, what: str) -> dict[str, Any]:
    known = sorted(path.stem for path in folder.glob("*.yaml"))
    if name not in known:
        raise refuse(
            f"there is no {what} {name}",
            expected=f"a file of {folder}",
            got=name,
            fix=did_you_mean(name, known)
            if known
            else f"set FEATHERLINE_RECIPES to the folder that holds {folder.name}",
        )
    try:
        raw = yaml.safe_load((folder / f"{name}.yaml").read_text())
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f"line {where.line + 1}, column {where.column + 1}" if where else "the file"
        raise refuse(
            f"{what} {name} is no YAML",
            expected="YAML 1.1",
            got=f"{getattr(error, 'problem', 'a mistake')} at {line}",
            fix=f"correct {name}.yaml there",
        ) from None
    if not isinstance(raw, dict):
        raise refuse(
            f"{what} {name} has no keys", expected="a YAML mapping", got=type(raw).__name__, fix="see docs/recipes.md"
        )
    return raw


def _set(raw: dict[str, Any], key: str, value: Any) -> None:  # noqa: ANN401 - YAML
    *parents, last = key.split(".")
    place: Any = raw
    for depth, part in enumerate(parents):
        place = place.setdefault(part, {})
        if not isinstance(place, dict):
            raise refuse(
                f"the override {key} leads nowhere",
                expected=f"{'.'.join(parents[: depth + 1])} to be a section",
                got=repr(place),
                fix="correct the key, or override the whole value",
            )
    if value is None:
        place.pop(last, None)
    else:
        place[last] = value


def _fill_in(raw: dict[str, Any], teacher_of: Callable[[str], str] | None) -> None:
    """Replace `${NAME}` where something of the machine is named (the data source, the model file, teachers).

    A teacher that is a registered version is replaced by its model, so that a run does not change when an alias moves.
    """
    places = [("data", "source"), ("model", "file")]
    candidates = raw.get("candidates")
    for name in candidates if isinstance(candidates, dict) else ():
        places += [(f"candidates.{name}.{step}", "teacher") for step in ("prune", "distill")]
    for section, key in places:
        holder: Any = raw
        for part in section.split("."):
            holder = holder.get(part) if isinstance(holder, dict) else None
        text = holder.get(key) if isinstance(holder, dict) else None
        if not isinstance(text, str):
            continue
        for name in VARIABLE.findall(text):
            if name not in os.environ:
                raise refuse(
                    f"the recipe needs {section}.{key}",
                    expected=f"the environment variable {name}",
                    got="nothing",
                    fix=f"set {name} where the steps run, or override {section}.{key}",
                )
        text = VARIABLE.sub(lambda match: os.environ[match[1]], text)
        holder[key] = teacher_of(text) if teacher_of and key == "teacher" and text.startswith("models:") else text


def _check_candidates(recipe: Recipe) -> None:
    problems: list[Problem] = []
    for name, template in recipe.candidates.templates.items():
        for expanded, knobs in expand(name, template):
            try:
                Candidate.model_validate({"name": expanded, **knobs})
            except ValidationError as error:
                known = {step: list(Candidate.model_fields[step].annotation.model_fields) for step in knobs}  # type: ignore[union-attr]
                problems += from_validation(f"candidate {name}", error, known, written_in=WRITTEN_IN).problems
        if template.student == "searched" and not (recipe.search.space and recipe.search.trials):
            problems += refuse(
                f"candidate {name} has no student",
                expected="a search that finds one: search.space and search.trials",
                got="no search",
                fix="add a search to the recipe, or set student: baseline",
            ).problems
    problems += _check_proposals(recipe)
    if problems:
        raise Refused(*problems)


def _check_proposals(recipe: Recipe) -> list[Problem]:
    """Return what is wrong with the lanes that could be proposed, each mistake once."""
    auto = recipe.candidates.auto
    if auto is None:
        return []
    problems: dict[Problem, None] = {}
    for knobs in points(auto, ()):
        try:
            candidate(knobs, auto)
        except ValidationError as error:
            known = {step: list(Candidate.model_fields[step].annotation.model_fields) for step in SET_BY_THE_SEARCH}  # type: ignore[union-attr]
            found = from_validation("candidates.auto", error, known, written_in=WRITTEN_IN).problems
            problems |= dict.fromkeys(found)
    if "searched" in auto.students and not (recipe.search.space and recipe.search.trials):
        problems |= dict.fromkeys(
            refuse(
                "candidates.auto has no searched student",
                expected="a search that finds one: search.space and search.trials",
                got="no search",
                fix="add a search to the recipe, or set candidates.auto.students: [baseline]",
            ).problems
        )
    return list(problems)
