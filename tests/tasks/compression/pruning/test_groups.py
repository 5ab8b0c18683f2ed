"""Dependency groups: who leaves with whom, who is held, who cannot be followed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from featherline.tasks.compression.pruning.groups import trace_channels
from featherline.tasks.compression.pruning.layers import obstacle, reshaped
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.networks.framework import keras, tf
from featherline.tasks.networks.graph import functional
from featherline.tasks.networks.zoo.resnet import resnet

L = keras.layers


def groups(model: Any) -> dict[tuple[str, ...], int]:
    """Return how many units each group has."""
    return {group.layers: len(group.units) for group in trace_channels(functional(model)).groups}


def test_a_residual_sum_joins_its_operands(residual: Any) -> None:
    """The layers on both sides of a sum are one group; the logits belong to none."""
    assert groups(residual) == {("stem", "second"): 16, ("first",): 24}


def test_resnet20_has_twelve_groups() -> None:
    """Nine first convolutions of a block are alone; each of three stages has a stream of four convolutions."""
    found = groups(resnet((32, 32, 3), 10, depth=20, width=16))

    assert sorted(len(layers) for layers in found) == [1] * 9 + [4] * 3
    assert sorted(found.values()) == [16] * 4 + [32] * 4 + [64] * 4


def test_a_concatenation_lines_its_operands_up() -> None:
    """Of a concatenation of 8 and 16 channels, the sum with another layer joins 8 with one and 16 with the other."""
    inputs = keras.Input((4, 4, 3))
    both = L.Concatenate()([L.Conv2D(8, 1, name="a")(inputs), L.Conv2D(16, 1, name="b")(inputs)])
    x = L.Add()([both, L.Conv2D(24, 1, name="c")(inputs)])
    model = keras.Model(inputs, L.Dense(10)(L.GlobalAveragePooling2D()(x)))

    channels = trace_channels(model)

    assert {group.layers: len(group.units) for group in channels.groups} == {("a", "c"): 8, ("b", "c"): 16}
    assert channels.ports["c"].outputs.tolist() == [
        *channels.ports["a"].outputs.tolist(),
        *channels.ports["b"].outputs.tolist(),
    ]


def test_flattening_repeats_the_channels_for_every_pixel() -> None:
    """A dense layer behind a Flatten reads channel 0, 1, 2, then 0, 1, 2 of the next pixel."""
    model = keras.Sequential(
        [keras.Input((2, 2, 1)), L.Conv2D(3, 1, name="c"), L.Flatten(), L.Dense(5, name="d"), L.Dense(2)]
    )

    ports = trace_channels(functional(model)).ports

    assert ports["d"].inputs.tolist() == ports["c"].outputs.tolist() * 4


def test_a_depthwise_convolution_repeats_each_channel_in_its_place() -> None:
    """With a depth multiplier of two, channels 0 and 1 of the output are channel 0 of the input."""
    model = keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            L.Conv2D(2, 1, name="c"),
            L.DepthwiseConv2D(1, depth_multiplier=2, name="w"),
            L.Flatten(),
            L.Dense(2),
        ]
    )

    ports = trace_channels(functional(model)).ports

    first, second = ports["c"].outputs.tolist()
    assert ports["w"].outputs.tolist() == [first, first, second, second]


def test_every_kind_of_layer_is_followed(everything: Any) -> None:
    """A gate multiplies what it gates, so that its layer leaves with the layers it gates."""
    assert groups(everything) == {
        ("left", "excite"): 16,
        ("right", "excite"): 24,
        ("squeeze",): 16,
        ("narrow",): 32,
        ("dense",): 48,
    }


@pytest.mark.parametrize("last", [L.Activation("softmax"), L.Softmax()], ids=["activation", "layer"])
def test_a_softmax_holds_its_channels(last: Any) -> None:
    """Where what a channel becomes depends on all others, none may leave."""
    model = keras.Sequential([keras.Input((4, 4, 3)), L.Conv2D(16, 1), last, L.Flatten(), L.Dense(2)])

    assert groups(model) == {}


def test_layers_on_the_bare_image_need_not_be_followed() -> None:
    """A layer that reads only held channels may be of any kind."""
    model = keras.Sequential(
        [keras.Input((16,)), L.Reshape((4, 4, 1)), L.Rescaling(2.0), L.Conv2D(16, 3, name="c"), L.Flatten(), L.Dense(2)]
    )

    assert groups(model) == {("c",): 16}


def test_equal_models_give_equal_groups(residual: Any) -> None:
    """Tracing is deterministic, to the number of each unit."""
    first, second = (trace_channels(functional(residual)) for _ in range(2))

    assert all(np.array_equal(one.units, other.units) for one, other in zip(first.groups, second.groups, strict=True))


def operator(x: Any) -> Any:
    """Sort with an operator, which no rule follows."""
    return tf.sort(x)


SHARED = L.Conv2D(16, 1, name="shared")

OBSTACLES = {
    "code": (L.Lambda(lambda x: x, name="odd"), "a Lambda", "replace the layer"),
    "unknown": (L.LocallyConnected2D(16, 1, name="odd"), "a LocallyConnected2D", "replace the layer"),
    "grouped": (L.Conv2D(16, 1, groups=2, name="odd"), "a Conv2D in 2 groups", "use groups=1"),
    "axis": (L.BatchNormalization(axis=1, name="odd"), "a BatchNormalization over axis 1", "use axis=-1"),
    "reshape": (L.Reshape((64, 4), name="odd"), "a Reshape from (4, 4, 16) to (64, 4)", "use Flatten"),
    "permute": (L.Permute((3, 1, 2), name="odd"), "a Permute to (3, 1, 2)", "leave the last axis"),
    "rescaling": (L.Rescaling([2.0] * 16, name="odd"), "a Rescaling with a number for each channel", "use one number"),
}


@pytest.mark.parametrize("name", OBSTACLES)
def test_refuses_what_it_cannot_follow(name: str) -> None:
    """A layer without a rule is refused by its name, with what it is and what to do."""
    layer, got, fix = OBSTACLES[name]
    model = keras.Sequential([keras.Input((4, 4, 3)), L.Conv2D(16, 1), layer, L.Flatten(), L.Dense(2)])

    with pytest.raises(Refused) as refusal:
        trace_channels(functional(model))

    (problem,) = refusal.value.problems
    assert problem.what == "prune cannot follow the channels through odd"
    assert problem.got == got
    assert problem.fix.startswith(fix)


def test_an_activation_of_unknown_habits_is_an_obstacle() -> None:
    """Only functions that are known to look at one number at a time are passed."""
    layer = L.Activation(tf.nn.l2_normalize)
    layer(keras.Input((4, 4, 16)))

    found = obstacle(layer)

    assert found is not None
    assert found[0] == "a Activation with the activation l2_normalize"


def blocks(x: Any) -> Any:
    """Sum by operators, and scale by numbers."""
    y = tf.nn.relu6(x * 2.0 + 3.0) / 6.0
    return x + y


def test_elementwise_operators_are_followed() -> None:
    """Operators of one tensor pass its channels on, operators of two join them."""
    inputs = keras.Input((4, 4, 3))
    x = L.Conv2D(16, 1, name="b")(blocks(L.Conv2D(16, 1, name="a")(inputs)))
    x = tf.math.multiply(x, tf.sigmoid(L.Conv2D(16, 1, name="c")(inputs)))
    model = keras.Model(inputs, L.Dense(2)(L.Flatten()(x)))

    assert {frozenset(layers): size for layers, size in groups(model).items()} == {
        frozenset({"a"}): 16,
        frozenset({"b", "c"}): 16,
    }


def test_operators_with_a_number_for_each_channel_are_refused() -> None:
    """A constant along the channels cannot be cut."""
    inputs = keras.Input((4, 4, 3))
    x = L.Conv2D(16, 1, name="a")(inputs) * tf.ones(16)
    model = keras.Model(inputs, L.Dense(2)(L.Flatten()(x)))

    with pytest.raises(Refused) as refusal:
        trace_channels(functional(model))

    assert refusal.value.problems[0].got == "the operator math.multiply with a number for each channel"


@pytest.mark.parametrize(
    ("units", "count", "expected"),
    [
        ([0, 1, 2], 3, [0, 1, 2]),
        ([0, 1, 2], 6, [0, 1, 2, 0, 1, 2]),
        ([0, 1, 0, 1], 2, [0, 1]),
        ([0, 1, 2, 3], 2, None),
        ([0, 1, 2], 2, None),
    ],
)
def test_reshaping_keeps_whole_rows_of_channels(units: list[int], count: int, expected: list[int] | None) -> None:
    """A last axis may be repeated or taken apart again, but not torn."""
    found = reshaped(np.array(units), count)

    assert (None if found is None else found.tolist()) == expected


def test_a_reshape_back_from_a_flat_row_is_followed() -> None:
    """Flatten and Reshape to the old shape, or rows of pixels side by side, leave the channels known."""
    model = keras.Sequential(
        [
            keras.Input((4, 4, 3)),
            L.Conv2D(16, 1, name="a"),
            L.Flatten(),
            L.Reshape((4, 4, 16)),
            L.Conv2D(24, 1, name="b"),
            L.Reshape((4, -1)),
            L.Flatten(),
            L.Dense(2),
        ]
    )

    assert groups(model) == {("a",): 16, ("b",): 24}


def test_a_concatenation_of_places_joins_its_operands() -> None:
    """Images side by side have the same channels."""
    inputs = keras.Input((4, 4, 3))
    x = L.Concatenate(axis=1)([L.Conv2D(16, 1, name="a")(inputs), L.Conv2D(16, 1, name="b")(inputs)])
    model = keras.Model(inputs, L.Dense(2)(L.GlobalAveragePooling2D()(x)))

    assert groups(model) == {("a", "b"): 16}


@pytest.mark.parametrize("norm", [L.LayerNormalization, L.UnitNormalization])
def test_norms_over_the_channels_hold_them(norm: Any) -> None:
    """What is normalised over all channels keeps them; others may leave."""
    layers = [keras.Input((4, 4, 3)), L.Conv2D(16, 1, name="a"), L.Conv2D(16, 1), norm(), L.Flatten(), L.Dense(2)]

    assert groups(keras.Sequential(layers)) == {("a",): 16}


def test_refuses_a_layer_that_is_called_twice_and_an_operator() -> None:
    """Every layer that cannot be followed is named at once."""
    inputs = keras.Input((4, 4, 16))
    shared = L.Conv2D(16, 1, name="shared")
    x = L.Add()([shared(shared(L.Conv2D(16, 1)(inputs))), operator(L.Conv2D(16, 1)(inputs))])
    model = keras.Model(inputs, L.Dense(2)(L.Flatten()(x)))

    with pytest.raises(Refused) as refusal:
        trace_channels(functional(model))

    got = {problem.got for problem in refusal.value.problems}
    assert got == {"a Conv2D that the graph calls more than once", "the operator sort"}
