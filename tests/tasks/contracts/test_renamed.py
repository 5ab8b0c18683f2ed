"""Keys and values that are called otherwise now: each is refused with its new name, which then is taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from featherline.tasks.contracts.reading import read
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.renamed import RENAMED
from featherline.tasks.contracts.request import StepRequest
from featherline.tasks.planning.recipes import read_recipe

CHANNEL = {"method": "channel"}

KEYS: dict[str, tuple[str, Any]] = {
    "the training for int8": ("candidates.a.quantize.aware", False),
    "the training for int8, where it is proposed": ("candidates.auto.aware", [False]),
    "the training for int8 on a rung": ("candidates.a.export.fallback_ladder.aware", {}),
    "what a student learns": ("candidates.a.prune.knowledge", {}),
    "what it learns in distillation": ("candidates.a.distill.knowledge", {}),
    "what it learns after distillation": ("candidates.a.trim.knowledge", {}),
    "what it learns for int8": ("candidates.a.quantize.knowledge", {}),
    "what it learns on a rung": ("candidates.a.export.fallback_ladder.qat.knowledge", {}),
    "what it learns, where it is proposed": ("candidates.auto.prune.knowledge", {}),
    "the views that come again": ("candidates.a.prune.distillation.views", 8),
    "the ladder": ("candidates.a.export.ladder", {}),
    "the ladder of all that is proposed": ("candidates.auto.export.ladder", {}),
    "MACs to keep": ("candidates.a.prune.macs", 0.5),
    "MACs to keep after distillation": ("candidates.a.trim.macs", 0.5),
    "MACs to keep, where it is proposed": ("candidates.auto.macs", [1, 0.5]),
    "parameters to keep": ("candidates.a.prune.parameters", 0.5),
    "bytes to keep": ("candidates.a.prune.size", 0.5),
    "latency to keep": ("candidates.a.prune.latency", 0.5),
    "examples after a cut": ("candidates.a.prune.recalibration_images", 100),
    "examples to calibrate with": ("candidates.a.export.calibration.images", 100),
    "examples to measure a layer with": ("candidates.a.export.mixed.images", 100),
    "examples of the train split": ("data.checks.min_images", 100),
    "examples in two splits": ("data.checks.max_leaked_images", 1),
    "the rarest class": ("data.checks.min_class_fraction", 0.1),
    "calibration of each class": ("data.checks.min_calibration_per_class", 1),
    "the floor of a candidate": ("gate.min_accuracy", 0.5),
    "what a class may lose": ("gate.max_class_drop", 0.1),
    "the floor of the float baseline": ("train.checks.min_accuracy", 0.5),
    "the floor of a class": ("train.checks.min_class_recall", 0.1),
    "drift of the classes": ("data.checks.max_class_drift", 0.1),
    "drift of the pixels": ("data.checks.max_pixel_drift", 0.1),
}
"""Old keys by their place, with a value that is right."""

VALUES: dict[str, tuple[str, list[str]]] = {
    "schemes": (
        "candidates.a.quantize.scheme",
        ["none", "dynamic", "dynamic_int4", "weights_int8", "weights_int4", "int4", "mixed"],
    ),
    "schemes, where they are proposed": ("candidates.auto.schemes.0", ["none", "int4"]),
    "objectives": ("gate.objective", ["accuracy"]),
    "rungs": ("candidates.a.export.fallback_ladder.rungs.0", ["mixed", "aware", "dynamic"]),
}
"""Old values by the place of one; a number is a place in a list."""


@pytest.fixture
def recipes(tmp_path: Path) -> Path:
    """Give a folder with a recipe that is right."""
    whole = {
        "name": "new",
        "data": {"source": "digits"},
        "model": {"builder": "cnn"},
        "candidates": {"a": {"prune": CHANNEL}},
        "device": "phone-low",
    }
    (tmp_path / "new.yaml").write_text(yaml.safe_dump(whole))
    return tmp_path


def advised(recipes: Path, overrides: dict[str, Any]) -> str:
    """Return the name that the refusal advises."""
    with pytest.raises(Refused) as refusal:
        read_recipe(recipes, "new", overrides)
    (problem,) = refusal.value.problems
    assert problem.fix.startswith("did you mean ")
    return problem.fix.removeprefix("did you mean ").removesuffix("?")


@pytest.mark.parametrize(("key", "value"), KEYS.values(), ids=KEYS)
def test_an_old_key_is_refused_with_its_new_name(recipes: Path, key: str, value: object) -> None:
    """Written with that name instead, the recipe is right."""
    section, _, old = key.rpartition(".")

    new = advised(recipes, {key: value})

    assert new in RENAMED[old]
    read_recipe(recipes, "new", {f"{section}.{new}": value})


@pytest.mark.parametrize(
    ("key", "old"), [(key, old) for key, several in VALUES.values() for old in several], ids=lambda text: text
)
def test_an_old_value_is_refused_with_its_new_name(recipes: Path, key: str, old: str) -> None:
    """Written with that value instead, the recipe is right."""
    place, in_a_list, _ = key.partition(".0")

    new = advised(recipes, {place: [old] if in_a_list else old})

    assert new in RENAMED[old]
    read_recipe(recipes, "new", {place: [new] if in_a_list else new})


def test_every_old_name_is_in_a_table_above():
    """Nothing is renamed without a recipe that is refused for it."""
    tried = {key.rpartition(".")[2] for key, _ in KEYS.values()} | {old for _, each in VALUES.values() for old in each}

    assert tried == set(RENAMED)


def test_the_changelog_tells_every_new_name():
    """Whoever upgrades reads them in one table."""
    text = Path("CHANGELOG.md").read_text()

    rows = [f"| `{old}` | {', '.join(f'`{one}`' for one in new)} |" for old, new in RENAMED.items()]

    assert [row for row in rows if row not in text] == []


def test_an_old_name_that_is_right_elsewhere_is_taken_there(recipes: Path) -> None:
    """`macs` bounds a goal too, and `none` is no pruning."""
    goal = {"macs": 1000, "size_bytes": 1000}

    recipe = read_recipe(recipes, "new", {"candidates.auto.goal": goal, "candidates.a.prune.method": "none"})

    assert recipe.candidates.auto is not None
    assert recipe.candidates.auto.goal is not None
    assert recipe.candidates.auto.goal.macs == 1000


def test_an_override_cannot_take_an_old_key_away(recipes: Path) -> None:
    """That would leave what it is called now as it is, without a word."""
    kept = {"candidates.a.prune.keep_macs": 0.5}

    assert advised(recipes, kept | {"candidates.a.prune.macs": None}) == "keep_macs"


def test_a_step_that_is_asked_in_old_words_says_the_new_ones():
    """The parameters of a request are answered as those of a recipe."""
    reference = {"uri": f"artifacts/{'1' * 64}", "sha256": "1" * 64, "bytes": 1000}
    model = {"file": reference | {"kind": "model"}, "parameters": 10, "macs": 100, "validation_quality": 0.97}
    inputs = {"model": model, "data": reference | {"kind": "dataset"}}

    with pytest.raises(Refused, match=r"did you mean distillation\?"):
        read("prune", StepRequest(inputs=inputs, params={"knowledge": {}}))
