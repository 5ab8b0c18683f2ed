"""Costs by widths: equal to what is counted in the narrower model that was really built."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from featherline.tasks.compression.pruning.channel import Ranking, Target, prune_channels
from featherline.tasks.compression.pruning.cost import Measure, cost_of
from featherline.tasks.compression.pruning.groups import trace_channels
from featherline.tasks.contracts.model import Architecture
from featherline.tasks.networks.estimates import int8_bytes
from featherline.tasks.networks.framework import keras
from featherline.tasks.networks.graph import functional
from featherline.tasks.networks.macs import count_macs
from featherline.tasks.networks.zoo.build import build

L = keras.layers
ZOO = [
    Architecture(builder="resnet", options={"depth": 8, "width": 16}),
    Architecture(builder="cnn"),
    Architecture(builder="ds_cnn"),
]
COUNTS = {"parameters": lambda model: model.count_params(), "size": int8_bytes}


@pytest.mark.parametrize("measure", COUNTS)
@pytest.mark.parametrize("architecture", ZOO, ids=lambda architecture: architecture.builder)
def test_a_target_is_met_in_its_own_measure(architecture: Architecture, measure: Measure) -> None:
    """Counted in the model before and after: at most 0.5 of it is left, and not much less."""
    keras.utils.set_random_seed(0)
    model = build(architecture, (8, 8, 1), 10)

    pruned = prune_channels(model, Target({measure: 0.5}), Ranking())

    assert 0.4 <= COUNTS[measure](pruned.model) / COUNTS[measure](functional(model)) <= 0.5


def test_several_targets_are_all_met() -> None:
    """A ResNet brought to 0.6 of its MACs alone keeps more than 0.35 of its parameters; with both it is within both."""
    keras.utils.set_random_seed(0)
    model = build(Architecture(builder="resnet", options={"depth": 8, "width": 32}), (8, 8, 1), 10)
    before = count_macs(model), model.count_params()

    pruned = {
        len(targets): prune_channels(model, Target(targets), Ranking()).model
        for targets in ({"macs": 0.6}, {"macs": 0.6, "parameters": 0.35})
    }

    assert pruned[1].count_params() / before[1] > 0.35
    assert pruned[2].count_params() / before[1] <= 0.35
    assert count_macs(pruned[2]) / before[0] <= 0.6


@pytest.mark.parametrize("architecture", ZOO, ids=lambda architecture: architecture.builder)
def test_the_size_by_widths_is_the_estimate_of_the_search(architecture: Architecture) -> None:
    """Both come to the same bytes for the same network."""
    flat = functional(build(architecture, (8, 8, 1), 10))
    channels = trace_channels(flat)
    full = np.array([len(group.units) for group in channels.groups])

    assert cost_of(flat, channels, "size").of(full) == int8_bytes(flat)


def test_the_size_of_every_kind_of_layer_is_the_estimate_of_the_search(everything: Any) -> None:
    """Depthwise and separable convolutions with multipliers, convolutions, dense layers."""
    flat = functional(everything)
    channels = trace_channels(flat)
    full = np.array([len(group.units) for group in channels.groups])

    assert cost_of(flat, channels, "size").of(full) == int8_bytes(flat)


def test_a_grouped_convolution_on_the_image_costs_its_groups() -> None:
    """Of 4 channels in two groups each of 8 filters reads 2: the MACs by widths are those of the narrower model."""
    keras.utils.set_random_seed(0)
    layers = [L.Conv2D(8, 3, groups=2), L.Conv2D(16, 1), L.Flatten(), L.Dense(2)]
    model = keras.Sequential([keras.Input((4, 4, 4)), *layers])

    pruned = prune_channels(model, Target({"macs": 0.8}), Ranking())

    assert pruned.macs == 4 * 8 * 9 * 2 + 4 * 8 * 8 + 4 * 8 * 2


def test_parameters_of_every_kind_of_layer_are_counted(everything: Any) -> None:
    """Slopes, statistics, depthwise and pointwise kernels, biases."""
    flat = functional(everything)
    channels = trace_channels(flat)
    full = np.array([len(group.units) for group in channels.groups])

    assert cost_of(flat, channels, "parameters").of(full) == flat.count_params()
