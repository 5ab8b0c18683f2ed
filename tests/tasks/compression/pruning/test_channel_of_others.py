"""Networks as people bring them: of keras.applications, small, each pruned and equal to its masked original."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from featherline.tasks.compression.pruning.channel import Ranking, Target, prune_channels
from featherline.tasks.compression.pruning.cost import cost_of
from featherline.tasks.compression.pruning.groups import trace_channels
from featherline.tasks.networks.foreign.activations import hard_sigmoid_keras3, hard_silu_keras3
from featherline.tasks.networks.framework import keras
from featherline.tasks.networks.graph import functional
from featherline.tasks.networks.macs import count_macs

A = keras.applications
OPTIONS = {"weights": None, "input_shape": (32, 32, 3), "classes": 10, "classifier_activation": None}

FOREIGN = {
    "MobileNetV2": lambda: A.MobileNetV2(alpha=0.35, **OPTIONS),
    "MobileNetV3Small": lambda: A.MobileNetV3Small(alpha=0.75, minimalistic=False, **OPTIONS),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_networks_of_keras_applications_are_pruned(name: str) -> None:
    """Depthwise blocks, inverted residuals, squeeze and excite, hard swish by operators: to 0.6 of the MACs."""
    keras.utils.set_random_seed(0)
    model = FOREIGN[name]()

    pruned = prune_channels(model, Target({"macs": 0.6}), Ranking("l2"))

    assert pruned.macs <= 0.6 * count_macs(model)
    assert pruned.difference <= 1e-4
    flat = functional(pruned.model)
    channels = trace_channels(flat)
    sizes = np.array([len(group.units) for group in channels.groups])
    assert cost_of(flat, channels, "parameters").of(sizes) == pruned.model.count_params()


@pytest.fixture
def nested() -> Any:
    """Give a Sequential that holds a functional model."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    inputs = keras.Input((8, 8, 16))
    inner = keras.Model(inputs, layers.Add()([inputs, layers.Conv2D(16, 3, padding="same", name="c")(inputs)]))
    head = [layers.GlobalAveragePooling2D(), layers.Dense(4)]
    return keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(16, 3, padding="same", name="c"), inner, *head])


def test_models_inside_a_model_are_pruned_through(nested: Any) -> None:
    """Both convolutions of the residual lose the same eight channels, though one is in a model of its own."""
    pruned = prune_channels(nested, Target({"macs": 0.6}), Ranking("l1"))

    assert [(cut.before, cut.after) for cut in pruned.cuts] == [(16, 8)]
    assert pruned.difference <= 1e-4


@pytest.mark.parametrize("activation", [hard_sigmoid_keras3, hard_silu_keras3])
def test_activations_of_keras_3_are_pruned_through(activation: Any) -> None:
    """They work on each value alone, under whichever name they were rebuilt."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    inputs = keras.Input((8, 8, 3))
    features = layers.Conv2D(16, 3, padding="same", activation=activation)(inputs)
    features = layers.Activation(activation)(layers.Conv2D(16, 3, padding="same")(features))
    model = keras.Model(inputs, layers.Dense(4)(layers.GlobalAveragePooling2D()(features)))

    pruned = prune_channels(model, Target({"macs": 0.6}), Ranking("l1"))

    assert pruned.macs <= 0.6 * count_macs(model)
    assert pruned.difference <= 1e-4
