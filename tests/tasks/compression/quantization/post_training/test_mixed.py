"""Widths by measured damage: the choice on made-up damages, and on a real file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pytest

from featherline.tasks.compression.quantization.post_training.calibration import activation_ranges
from featherline.tasks.compression.quantization.post_training.float_reference import FloatReference
from featherline.tasks.compression.quantization.post_training.layers import Layer, layers
from featherline.tasks.compression.quantization.post_training.mixed import choose, mixed, most
from featherline.tasks.compression.quantization.post_training.static import StaticQuantizer
from featherline.tasks.contracts.model import Width
from featherline.tasks.contracts.post_training import Calibration, Mixed
from featherline.tasks.litert.graph import read_graph
from featherline.tasks.problems.opening import open_problem

if TYPE_CHECKING:
    from tests.tasks.compression.quantization.post_training.conftest import Small

FOUND = [Layer("a", "a", "CONV_2D", 100), Layer("b", "b", "CONV_2D", 100), Layer("c", "c", "CONV_2D", 1000)]
SENSITIVITIES: Mapping[str, dict[Width, float]] = {
    "a": {"int8": 0.3, "int4": 0.4},
    "b": {"int8": 0.1, "int4": 0.9},
    "c": {"int8": 0.2, "int4": 0.5},
}
"""Of int4 instead of int8: a 0.1 for 100 weights, b 0.8 for 100, c 0.3 for 1000: c is the cheapest, b the dearest."""


@pytest.fixture
def quantizer(small: Small) -> StaticQuantizer:
    """Give what rounds the small file with min-max ranges."""
    return StaticQuantizer(small.file, activation_ranges(small.file, small.images[:20], Calibration()))


def test_the_cheapest_byte_becomes_int4_first() -> None:
    """A budget with room for two layers takes those of least damage for a byte, not those of least damage."""
    widths = choose(FOUND, SENSITIVITIES, Mixed(), lambda widths: len(widths) <= 2)

    assert widths == {"c": "int4", "a": "int4"}


def test_a_large_budget_makes_all_int4() -> None:
    """Where everything keeps the budget, everything is int4."""
    assert choose(FOUND, SENSITIVITIES, Mixed(), lambda _: True) == dict.fromkeys("cab", "int4")


def test_the_most_damaged_layers_become_float() -> None:
    """Where int8 breaks the budget, as few layers as will do become float: a, then c, then b."""
    widths = choose(FOUND, SENSITIVITIES, Mixed(), lambda widths: len(widths) >= 2)

    assert widths == {"a": "float", "c": "float"}


def test_all_layers_become_float_where_nothing_keeps_the_budget() -> None:
    """The caller then sees by the file itself that the budget is broken."""
    assert choose(FOUND, SENSITIVITIES, Mixed(), lambda _: False) == dict.fromkeys("acb", "float")


def test_without_float_nothing_is_widened() -> None:
    """A recipe that allows int4 alone keeps all layers int8 where the budget is broken."""
    assert choose(FOUND, SENSITIVITIES, Mixed(widths=("int4",)), lambda _: False) == {}


@pytest.mark.parametrize("edge", range(8))
def test_halving_finds_the_edge(edge: int) -> None:
    """The last size that holds is found for every edge, in at most three questions of seven."""
    asked: list[int] = []

    def holds(size: int) -> bool:
        asked.append(size)
        return size <= edge

    assert most(7, holds) == edge
    assert len(asked) == 3


def test_layers_have_the_names_of_the_model(small: Small) -> None:
    """A layer is called as its author called it."""
    assert [(layer.name, layer.operator, layer.weights) for layer in layers(small.file)] == [
        ("first", "CONV_2D", 144),
        ("deep", "DEPTHWISE_CONV_2D", 72),
        ("second", "CONV_2D", 64),
        ("last", "FULLY_CONNECTED", 32),
    ]


def test_a_free_budget_gives_int4_where_an_operator_has_it(small: Small, quantizer: StaticQuantizer) -> None:
    """With nothing to keep, all but the depthwise layer are int4 in the file itself."""
    reference = FloatReference(small.file, small.images, small.labels, open_problem("classification"))

    made = mixed(quantizer, Mixed(examples=20), reference, lambda _: True)

    kernels = read_graph(made.data).kernels()
    assert [kernel.int4 for _, kernel in kernels] == [True, False, True, True]
    assert [layer.width for layer in made.layers] == ["int4", "int8", "int4", "int4"]
    assert all(
        layer.sensitivity["int4"] > layer.sensitivity["int8"] for layer in made.layers if "int4" in layer.sensitivity
    )


def test_a_layer_alone_leaves_the_others_float(small: Small, quantizer: StaticQuantizer) -> None:
    """What is measured for a layer is its own rounding and nothing else's."""
    graph = read_graph(quantizer.alone(layers(small.file)[2], "int8"))

    assert [kernel.dtype.name for _, kernel in graph.kernels()] == ["float32", "float32", "int8", "float32"]
