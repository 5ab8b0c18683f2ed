"""Counting multiply-accumulates."""

from __future__ import annotations

import pytest

from featherline.tasks.contracts.model import Architecture
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.networks.framework import keras
from featherline.tasks.networks.macs import count_macs
from featherline.tasks.networks.zoo.build import build

LAYERS = keras.layers


def model_of(*layers: object) -> object:
    """Return a sequential model on 4x4 images of 3 channels."""
    return keras.Sequential([keras.Input((4, 4, 3)), *layers])


@pytest.mark.parametrize(
    ("layer", "macs"),
    [
        (LAYERS.Conv2D(5, 3, padding="same"), 4 * 4 * 9 * 3 * 5),
        (LAYERS.Conv2D(5, 3, padding="valid"), 2 * 2 * 9 * 3 * 5),
        (LAYERS.Conv2D(6, 1, strides=2, groups=3), 2 * 2 * 1 * 1 * 6),
        (LAYERS.DepthwiseConv2D(3, padding="same", depth_multiplier=2), 4 * 4 * 9 * 6),
        (LAYERS.SeparableConv2D(5, 3, padding="same"), 4 * 4 * 3 * (9 + 5)),
        (LAYERS.Dense(7), 4 * 4 * 3 * 7),
        (LAYERS.BatchNormalization(), 0),
    ],
)
def test_a_layer_costs_its_products(layer: object, macs: int) -> None:
    """Each kind of layer, counted by hand."""
    assert count_macs(model_of(layer)) == macs


def test_a_layer_that_is_called_twice_costs_twice() -> None:
    """A shared layer, and one inside a nested model, count as often as they run."""
    inputs = keras.Input((4, 4, 3))
    inner = keras.Sequential([keras.Input((4, 4, 3)), LAYERS.Conv2D(3, 1)])
    model = keras.Model(inputs, inner(inner(inputs)))

    assert count_macs(model) == 2 * 4 * 4 * 3 * 3


def test_the_reference_network_has_its_known_cost() -> None:
    """ResNet-20 of width 16 on 32x32x3: 40.81 M MACs and 0.27 M parameters, as published."""
    model = build(Architecture(builder="resnet"), (32, 32, 3), 10)

    assert count_macs(model) == 40_813_184
    assert model.count_params() == 274_042


def test_an_open_size_cannot_be_counted() -> None:
    """A nested model for any height and width counts for none."""
    inner = keras.Sequential([keras.Input((None, None, 3)), LAYERS.Conv2D(2, 1, name="within")])

    with pytest.raises(Refused) as refused:
        count_macs(model_of(inner))

    assert refused.value.problems[0].got == "an output of (None, None, 2)"


def test_a_layer_that_cannot_be_counted_is_refused() -> None:
    """An unknown layer with weights is never counted as free."""
    with pytest.raises(Refused) as refused:
        count_macs(model_of(LAYERS.Conv2DTranspose(2, 3)))

    assert refused.value.problems[0].got == "Conv2DTranspose"
