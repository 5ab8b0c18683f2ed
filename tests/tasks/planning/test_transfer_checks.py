"""What a recipe asks of a file's layers and cannot have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.transfer import NewHead
from featherline.tasks.planning.recipes import read_recipe

RECIPES = Path("recipes")
OF_FILE: dict[str, Any] = {"model.builder": None, "model.options": None, "model.file": "mine.keras"}
UNDER_HEAD = OF_FILE | {"model.head": "new"}


def test_a_new_head_is_a_word_or_a_section() -> None:
    """`new` leaves all that can be said of it out."""
    by_word = read_recipe(RECIPES, "digits", UNDER_HEAD)
    by_section = read_recipe(RECIPES, "digits", OF_FILE | {"model.head": {"cut": "pool"}})

    assert by_word.model.head == NewHead()
    assert by_section.model.head == NewHead(cut="pool")


@pytest.mark.parametrize("frozen", ["backbone", 10, ["conv1*", "stem"]])
def test_layers_are_frozen_by_word_count_or_name(frozen: Any) -> None:
    """Each is kept as it is written."""
    recipe = read_recipe(RECIPES, "digits", UNDER_HEAD | {"train.frozen": frozen})

    assert recipe.train.freezing().frozen == (tuple(frozen) if isinstance(frozen, list) else frozen)


BAD = {
    "a head for what is built": ({"model.head": "new"}, "recipe digits cannot take model", "file beside head"),
    "frozen layers of what is built": (
        {"train.frozen": "backbone"},
        "recipe digits cannot take train.frozen",
        "leave train.frozen out, or begin with a file",
    ),
    "a head that is never trained": (
        UNDER_HEAD | {"train.epochs": 0},
        "recipe digits would leave the new head untrained",
        "raise train.epochs",
    ),
    "frozen layers of a file that is taken as it is": (
        OF_FILE | {"train.epochs": 0, "train.frozen": 3},
        "recipe digits has nothing to do for train.frozen",
        "raise train.epochs",
    ),
    "a thaw when all is over": (
        UNDER_HEAD | {"train.epochs": 4, "train.frozen": "backbone", "train.thaw": [{"after": 4}]},
        "recipe digits would thaw layers when its training is over",
        "thaw earlier, or raise train.epochs",
    ),
    "a rate of what is pretrained where all is": (
        OF_FILE | {"train.pretrained_rate": 0.1},
        "recipe digits cannot take train.pretrained_rate",
        "set model.head: new",
    ),
    "a thaw of what is not frozen": (
        UNDER_HEAD | {"train.thaw": [{"after": 1}]},
        "recipe digits cannot take train",
        "frozen beside thaw",
    ),
    "a word that is none": (
        UNDER_HEAD | {"train.frozen": "backbon"},
        "recipe digits cannot take train.frozen",
        "did you mean backbone?",
    ),
    "no layer at all": (UNDER_HEAD | {"train.frozen": 0}, "recipe digits cannot take train.frozen", "correct"),
    "another head": (UNDER_HEAD | {"model.head": "old"}, "recipe digits cannot take model.head", "correct"),
    "a typo within the head": (
        OF_FILE | {"model.head": {"cutt": "pool"}},
        "recipe digits has no key model.head.cutt",
        "did you mean cut?",
    ),
}


@pytest.mark.parametrize(("overrides", "what", "said"), BAD.values(), ids=BAD.keys())
def test_what_cannot_be_is_refused_at_the_door(overrides: dict[str, Any], what: str, said: str) -> None:
    """Before the file is read."""
    with pytest.raises(Refused) as refusal:
        read_recipe(RECIPES, "digits", overrides)

    found = [problem for problem in refusal.value.problems if problem.what == what]
    assert found
    assert said in found[0].fix or said in found[0].expected
