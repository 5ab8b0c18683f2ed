"""Scores: what each criterion sees, how layers agree, what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from featherline.tasks.compression.pruning.criteria import unit_scores
from featherline.tasks.compression.pruning.groups import trace_channels
from featherline.tasks.compression.pruning.importance import channel_distances, l1_norms, l2_norms
from featherline.tasks.compression.pruning.taylor import gate_importance
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.networks.framework import keras
from featherline.tasks.networks.graph import functional
from featherline.tasks.training.data import TrainingData
from featherline.tasks.training.part import Part

L = keras.layers


def test_norms_are_those_of_the_output_channels() -> None:
    """Of a kernel with the channels (3, 4) and (0, 1), L1 is 7 and 1, L2 is 5 and 1."""
    kernel = np.array([[3.0, 0.0], [4.0, 1.0]], np.float32)

    assert l1_norms(kernel).tolist() == [7, 1]
    assert l2_norms(kernel).tolist() == [5, 1]


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


def test_the_channel_in_the_middle_of_the_others_scores_least() -> None:
    """Of the kernels 0, 1 and 3 the sums of distances are 4, 3 and 5: the middle one can be replaced by the others."""
    kernel = np.array([[0.0, 1.0, 3.0]], np.float32)

    assert channel_distances(kernel).tolist() == [4, 3, 5]


def gated(weights: list[float], readers: list[float]) -> Any:
    """Give a network of one pixel: channels with these weights, read by the first of two logits with those."""
    model = keras.Sequential([keras.Input((1,)), L.Dense(len(weights), use_bias=False, name="a"), L.Dense(2)])
    model.layers[0].set_weights([np.array([weights])])
    model.layers[1].set_weights([np.array([readers, [0.0] * len(readers)]).T, np.zeros(2)])
    return functional(model)


def test_taylor_is_the_squared_effect_of_a_gate() -> None:
    """A channel w that is read with r moves the true logit, of softmax p, by w r: the gate's slope is (p - 1) w r."""
    model = gated([1, 2], [0.5, -0.5])
    images, labels = np.array([[1.0]], np.float32), np.array([0])
    slope = 1 / (1 + np.exp(0.5)) - 1  # logits -0.5 and 0

    found = gate_importance(model, [(images, labels)])

    assert found["a"].tolist() == pytest.approx([(slope * 0.5) ** 2, (slope * -1.0) ** 2])


def test_taylor_sees_what_norms_do_not() -> None:
    """A loud channel that nobody reads scores nothing."""
    data = TrainingData(
        Part({"x": np.ones((4, 1), np.float32)}, np.zeros(4, np.int64)),
        Part({"x": np.ones((0, 1))}, np.zeros(0, np.int64)),
        2,
    )
    model = gated([9, 1], [0.0, 1.0])
    channels = trace_channels(model)

    scores = unit_scores(model, channels, "taylor", data=data)[channels.groups[0].units]

    assert scores.tolist() == pytest.approx([0, 2])


def test_taylor_looks_behind_the_normalisation(residual: Any) -> None:
    """Where batch normalisation follows, its scale and offset are the gate, not the kernel before it."""
    images = np.random.default_rng(0).standard_normal((4, 8, 8, 3)).astype(np.float32)

    found = gate_importance(residual, [(images, np.zeros(4, np.int64))])

    assert set(found) == {"stem_bn", "first_bn", "second_bn", "logits"}
    assert all(len(found[name]) == width for name, width in {"stem_bn": 16, "first_bn": 24}.items())


def test_depthwise_gates_have_a_number_for_each_channel() -> None:
    """A depthwise layer with two kernels a channel has twice as many gates as it reads channels."""
    layers = [keras.Input((4, 4, 3)), L.DepthwiseConv2D(3, depth_multiplier=2, name="w"), L.Flatten(), L.Dense(2)]

    images = np.ones((2, 4, 4, 3), np.float32)

    found = gate_importance(functional(keras.Sequential(layers)), [(images, np.zeros(2, int))])

    assert found["w"].shape == (6,)


def test_random_is_a_control_that_looks_at_nothing(residual: Any) -> None:
    """It depends on the seed alone."""
    channels = trace_channels(residual)

    first, again, other = (unit_scores(residual, channels, "random", seed=seed) for seed in (0, 0, 1))

    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
