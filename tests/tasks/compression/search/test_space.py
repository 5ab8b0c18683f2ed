"""Spaces: what is chosen and what it builds."""

from __future__ import annotations

import pytest

from featherline.tasks.compression.search.space import architecture, distributions
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.steps.search import SearchSpace
from featherline.tasks.networks.macs import count_macs
from featherline.tasks.networks.zoo.build import build

SPACE = SearchSpace(
    builder="ds_cnn",
    fixed={"widths": [16, 32], "strides": [1, 2]},
    choices={"stem": (8, 16), "widths.1": (32, 64)},
)


def test_a_choice_is_an_option_or_an_entry_of_a_fixed_list() -> None:
    """The chosen entry replaces the fixed one, and the space itself stays as it is."""
    built = architecture(SPACE, {"stem": 8, "widths.1": 64})

    assert built.options == {"widths": [16, 64], "strides": [1, 2], "stem": 8}
    assert SPACE.fixed["widths"] == [16, 32]


def test_every_choice_is_sampled() -> None:
    """Each choice has its values."""
    found = distributions(SPACE)

    assert {name: choice.choices for name, choice in found.items()} == {"stem": (8, 16), "widths.1": (32, 64)}


@pytest.mark.parametrize(
    ("choices", "got"),
    [
        ({"stem": ()}, "none"),
        ({"widths.2": (8,)}, "[16, 32]"),
        ({"depths.0": (8,)}, "None"),
        ({"widths.x": (1,)}, "[16, 32]"),
    ],
)
def test_refuses_what_cannot_be_chosen(choices: dict[str, tuple[int, ...]], got: str) -> None:
    """A choice without values, and an entry that no fixed list has, are refused."""
    with pytest.raises(Refused) as refused:
        distributions(SPACE.model_copy(update={"choices": choices}))

    assert [problem.got for problem in refused.value.problems] == [got]


FIXED = {"widths": [16, 32], "depths": [1, 1]}
STAGED = {
    "stem": (8, 16),
    "widths.0": (8, 16),
    "widths.1": (24, 32),
    "depths.0": (1, 2),
    "depths.1": (1, 3),
    "kernel": (3, 5),
}
VARIED = {
    "resnet": {"fixed": FIXED, "choices": STAGED | {"block": ("basic", "separable")}},
    "mobilenet": {"fixed": FIXED, "choices": STAGED | {"block": ("inverted", "separable"), "expansion": (2, 4)}},
}


@pytest.mark.parametrize("builder", sorted(VARIED))
def test_a_space_varies_all_of_a_family(builder: str) -> None:
    """Each choice alone, from first to last value, makes another network of as many multiply-accumulates as it says."""
    space = SearchSpace.model_validate({"builder": builder, **VARIED[builder]})
    first = {name: choice.choices[0] for name, choice in distributions(space).items()}

    def macs(**other: object) -> int:
        return count_macs(build(architecture(space, first | other), (8, 8, 1), 10))

    changed = {name: macs(**{name: values[1]}) for name, values in space.choices.items()}
    assert macs() not in changed.values()
    assert all((cost < macs()) == (name == "block") for name, cost in changed.items())
