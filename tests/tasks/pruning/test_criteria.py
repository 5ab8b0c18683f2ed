"""Scores: what each criterion sees, how layers agree, what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tasks.contracts.refusal import Refused
from tasks.framework import keras
from tasks.pruning.criteria import channel_norms, unit_scores
from tasks.pruning.groups import trace_channels

L = keras.layers


def test_norms_are_those_of_the_output_channels() -> None:
    """Of a kernel with the channels (3, 4) and (0, 1), L1 is 7 and 1, L2 is 5 and 1."""
    kernel = np.array([[3.0, 0.0], [4.0, 1.0]], np.float32)

    assert channel_norms(kernel, "l1").tolist() == [7, 1]
    assert channel_norms(kernel, "l2").tolist() == [5, 1]


def summed(first: list[float], second: list[float]) -> Any:
    """Give a sum of two layers of two channels whose kernels are these."""
    inputs = keras.Input((1,))
    a, b = L.Dense(2, use_bias=False, name="a"), L.Dense(2, use_bias=False, name="b")
    model = keras.Model(inputs, L.Dense(1)(L.Add()([a(inputs), b(inputs)])))
    a.set_weights([np.array([first])])
    b.set_weights([np.array([second])])
    return model


def test_layers_of_a_group_agree_on_one_score() -> None:
    """Each layer's norms are divided by its mean, then averaged: (1, 3) and (30, 10) give (1.0, 1.0)."""
    model = summed([1, 3], [30, 10])
    channels = trace_channels(model)

    scores = unit_scores(model, channels, "l1")

    assert scores[channels.groups[0].units].tolist() == pytest.approx([1.0, 1.0])


def test_a_layer_of_zeros_has_no_say() -> None:
    """All-zero weights give scores of half the other layer's, never a NaN."""
    model = summed([0, 0], [1, 3])
    channels = trace_channels(model)

    scores = unit_scores(model, channels, "l2")

    assert scores[channels.groups[0].units].tolist() == pytest.approx([0.25, 0.75])


def test_gamma_is_read_from_the_normalisation(residual: Any) -> None:
    """With gammas of 1 but for channel 5 of the inner layer, that channel scores least under bn_gamma."""
    gamma = np.ones(24)
    gamma[5] = -0.1
    normalisation = residual.get_layer("first_bn")
    normalisation.set_weights([gamma, *normalisation.get_weights()[1:]])
    channels = trace_channels(residual)
    inner = next(group for group in channels.groups if group.layers == ("first",))

    scores = unit_scores(residual, channels, "bn_gamma")

    assert int(np.argmin(scores[inner.units])) == 5


def test_gamma_is_refused_without_a_normalisation() -> None:
    """A group that no batch normalisation follows cannot be ranked by gamma."""
    model = summed([1, 3], [30, 10])

    with pytest.raises(Refused) as refusal:
        unit_scores(model, trace_channels(model), "bn_gamma")

    assert refusal.value.problems[0].what == "prune cannot rank the channels of a, b by bn_gamma"


def test_weights_that_are_not_finite_are_refused() -> None:
    """Every layer with a NaN or an infinity is named, with how many."""
    model = summed([1, np.nan], [np.inf, -np.inf])

    with pytest.raises(Refused) as refusal:
        unit_scores(model, trace_channels(model), "l2")

    assert [problem.what for problem in refusal.value.problems] == [
        "prune cannot rank the channels of a",
        "prune cannot rank the channels of b",
    ]
    assert refusal.value.problems[1].got == "2 of 2 are NaN or infinite"
