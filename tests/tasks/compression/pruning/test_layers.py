"""Layers over sequences, and others: their channels leave, or they are refused by name, never in silence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from featherline.tasks.compression.pruning.channel import Ranking, Target, prune_channels
from featherline.tasks.compression.pruning.cost import cost_of
from featherline.tasks.compression.pruning.groups import trace_channels
from featherline.tasks.compression.pruning.sparse import sparse_while_training, strip_pruning
from featherline.tasks.compression.pruning.surgery import check_equivalence, masked_copy, shrink
from featherline.tasks.compression.pruning.taylor import gate_importance
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.networks.framework import keras
from featherline.tasks.networks.graph import functional
from featherline.tasks.networks.macs import count_macs
from featherline.tasks.networks.zeros import kernels

L = keras.layers


def text(*layers: Any) -> Any:
    """Return a network that reads 12 whole numbers below 20 and answers with 3 logits."""
    return keras.Sequential(
        [
            keras.Input((12,), dtype="int32", name="ids"),
            L.Embedding(20, 16, name="table"),
            *layers,
            L.GlobalMaxPooling1D(),
            L.Dense(16, activation="relu", name="hidden"),
            L.Dense(3, name="logits"),
        ]
    )


def over_steps() -> Any:
    """Return a text network of every kind of convolution over steps."""
    return text(
        L.Conv1D(16, 3, padding="causal", name="conv"),
        L.BatchNormalization(),
        L.ReLU(),
        L.DepthwiseConv1D(3, padding="same", depth_multiplier=2),
        L.SeparableConv1D(24, 3, padding="same", depth_multiplier=2, name="separable"),
        L.PReLU(shared_axes=[1]),
        L.MaxPooling1D(2),
        L.Conv1DTranspose(16, 3, name="spread"),
        L.ReLU(),
    )


def pictures() -> Any:
    """Return a network with a transposed convolution over pictures."""
    return keras.Sequential(
        [
            keras.Input((6, 6, 3)),
            L.Conv2D(16, 3, name="narrow"),
            L.ReLU(),
            L.Conv2DTranspose(16, 3, strides=2, name="spread"),
            L.ReLU(),
            L.GlobalAveragePooling2D(),
            L.Dense(3),
        ]
    )


def every_second(channels: Any) -> Any:
    """Return which units stay where half of each group leaves."""
    keep = np.ones(channels.count, np.bool_)
    for group in channels.groups:
        keep[group.units[1::2]] = False
    return keep


@pytest.mark.parametrize(
    ("build", "groups"),
    [
        (over_steps, ["table", "conv", "separable", "spread", "hidden"]),
        (pictures, ["narrow", "spread"]),
    ],
)
def test_channels_of_layers_over_steps_and_of_transposed_ones_leave(
    build: Callable[[], Any], groups: list[str]
) -> None:
    """Half of each group leaves: outputs as of the masked original, MACs and parameters as calculated."""
    flat = functional(build())
    channels = trace_channels(flat)
    keep = every_second(channels)

    small = shrink(flat, channels, keep)

    assert [group.layers for group in channels.groups] == [(name,) for name in groups]
    check_equivalence(small, masked_copy(flat, channels, keep), seed=1)
    half = np.array([len(group.units) // 2 for group in channels.groups])
    assert cost_of(flat, channels, "macs").of(half) == count_macs(small) < count_macs(flat)
    assert cost_of(flat, channels, "parameters").of(half) == small.count_params()


def test_pruning_a_text_network_meets_its_target() -> None:
    """The whole of channel pruning, from the embedding's width to the hidden layer."""
    model = text(L.Conv1D(32, 3, name="conv"), L.ReLU())

    pruned = prune_channels(model, Target({"macs": 0.5}), Ranking("l2"))

    assert pruned.macs <= 0.5 * count_macs(model)
    assert {cut.layers for cut in pruned.cuts} == {("table",), ("conv",), ("hidden",)}


def test_the_loss_says_how_much_a_channel_of_each_kind_matters() -> None:
    """A channel whose weights are zero matters nothing, whichever axis of the kernel it lies along."""
    flat = functional(pictures())
    weights = flat.get_layer("spread").get_weights()
    weights[0][:, :, 5] = 0
    weights[1][5] = 0
    flat.get_layer("spread").set_weights(weights)
    images = np.random.default_rng(0).normal(size=(8, 6, 6, 3)).astype(np.float32)

    scores = gate_importance(flat, [(images, np.arange(8) % 3)])["spread"]

    assert scores[5] == 0
    assert np.count_nonzero(scores) > 8


@pytest.mark.parametrize(
    ("layer", "kind"),
    [
        (L.LSTM(8, return_sequences=True, name="hiding"), "a LSTM"),
        (L.GRU(8, return_sequences=True, name="hiding"), "a GRU"),
        (L.Bidirectional(L.LSTM(8, return_sequences=True), name="hiding"), "a Bidirectional"),
        (L.TimeDistributed(L.Dense(8), name="hiding"), "a TimeDistributed"),
        (L.LocallyConnected1D(8, 3, name="hiding"), "a LocallyConnected1D"),
    ],
)
def test_a_layer_that_hides_its_channels_is_refused_by_name(layer: Any, kind: str) -> None:
    """By both ways of pruning, with a fix that works; never a network of which it is left out."""
    model = text(layer)

    for prune in (trace_channels, lambda model: sparse_while_training(model, "magnitude", 0.5, 10)):
        with pytest.raises(Refused) as refused:
            prune(functional(model))
        found = {problem.got: problem for problem in refused.value.problems}
        assert kind in found
        assert "hiding" in found[kind].what
        assert "prune.method to none" in found[kind].fix


def test_attention_is_refused_by_name() -> None:
    """Queries and values are the same steps; the refusal names the layer."""
    inputs = keras.Input((5, 8))
    out = L.MultiHeadAttention(2, 4, name="heads")(inputs, inputs)
    model = functional(keras.Model(inputs, L.Dense(3)(L.GlobalAveragePooling1D()(L.LayerNormalization()(out)))))

    with pytest.raises(Refused) as refused:
        trace_channels(model)

    (problem,) = refused.value.problems
    assert ("heads" in problem.what, problem.got) == (True, "a MultiHeadAttention")


def test_a_layer_that_hides_its_channels_is_refused_at_the_input_too() -> None:
    """What reads only the input may be left out of pruning where it has no kernels; a recurrent layer has."""
    model = keras.Sequential([keras.Input((5, 3)), L.LSTM(8, name="first"), L.Dense(16), L.Dense(3)])

    with pytest.raises(Refused) as refused:
        trace_channels(functional(model))

    assert [problem.got for problem in refused.value.problems] == ["a LSTM"]


def test_an_embedding_is_never_left_without_a_word_where_zeros_are_made() -> None:
    """Most of a text network is its table, which stays dense: refused by name, not pruned to less than was asked."""
    with pytest.raises(Refused) as refused:
        sparse_while_training(text(L.Conv1D(8, 3)), "magnitude", 0.5, 10)

    assert [problem.got for problem in refused.value.problems] == ["a Embedding"]


def sequence() -> Any:
    """Return a network of 5 steps of 4 numbers with convolutions over the steps."""
    return keras.Sequential(
        [
            keras.Input((5, 4)),
            L.Conv1D(8, 3, padding="same", name="conv"),
            L.SeparableConv1D(8, 3, name="separable"),
            L.GlobalAveragePooling1D(),
            L.Dense(3, name="logits"),
        ]
    )


def test_convolutions_over_steps_become_sparse() -> None:
    """Half of each kernel is zero after training, of a separable one half of the pointwise kernel."""
    model, steps = sequence(), 10
    images = np.random.default_rng(0).normal(size=(steps * 2, 5, 4)).astype(np.float32)
    wrapped, callbacks = sparse_while_training(model, "magnitude", 0.5, steps)
    wrapped.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))

    wrapped.fit(images, np.arange(steps * 2) % 3, batch_size=2, epochs=1, verbose=0, callbacks=callbacks)

    found = {
        name: float((kernel == 0).mean()) for name, kernel in kernels(strip_pruning(wrapped, "magnitude", 0.5)).items()
    }
    assert found == pytest.approx({"conv": 0.5, "separable": 0.5, "logits": 0.5}, abs=0.05)


def test_two_of_four_is_refused_where_tfmot_does_not_know_the_kernel() -> None:
    """A kernel of three axes, by name, with the method that takes it."""
    with pytest.raises(Refused) as refused:
        sparse_while_training(sequence(), "2:4", 0.5, 10)

    first = refused.value.problems[0]
    assert ("conv" in first.what, first.got) == (True, "a Conv1D with a kernel of (3, 4, 8)")
    assert first.fix == "set prune.method to magnitude"
