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


def sequence_of(*layers: object, steps: int = 5) -> object:
    """Return a sequential model on so many steps of 3 numbers."""
    return keras.Sequential([keras.Input((steps, 3)), *layers])


@pytest.mark.parametrize(
    ("layer", "macs"),
    [
        (LAYERS.Conv1D(4, 3, padding="same"), 5 * 3 * 3 * 4),
        (LAYERS.Conv1D(6, 3, padding="causal", groups=3), 5 * 3 * 1 * 6),
        (LAYERS.DepthwiseConv1D(3, padding="same", depth_multiplier=2), 5 * 3 * 6),
        (LAYERS.SeparableConv1D(4, 3, padding="same", depth_multiplier=2), 5 * 6 * (3 + 4)),
        (LAYERS.Conv1DTranspose(4, 3, strides=2), 5 * 3 * 3 * 4),
        (LAYERS.LSTM(4), 5 * 4 * (3 * 4 + 4 * 4)),
        (LAYERS.LSTM(4, return_sequences=True), 5 * 4 * (3 * 4 + 4 * 4)),
        (LAYERS.GRU(4), 5 * 3 * (3 * 4 + 4 * 4)),
        (LAYERS.SimpleRNN(4), 5 * (3 * 4 + 4 * 4)),
        (LAYERS.Bidirectional(LAYERS.LSTM(4)), 2 * 5 * 4 * (3 * 4 + 4 * 4)),
        (LAYERS.TimeDistributed(LAYERS.Dense(7)), 5 * 3 * 7),
        (LAYERS.EinsumDense("abc,cd->abd", output_shape=(None, 7)), 5 * 3 * 7),
        (LAYERS.LayerNormalization(), 0),
        (LAYERS.GroupNormalization(3), 0),
    ],
)
def test_a_layer_over_steps_costs_its_products(layer: object, macs: int) -> None:
    """Each kind of layer over a sequence, counted by hand: a gate multiplies the input and the state at each step."""
    assert count_macs(sequence_of(layer)) == macs


def test_a_transposed_convolution_lays_its_kernel_down_at_each_place_that_it_reads() -> None:
    """4x4 places of 3 channels, a kernel of 3x3 to 2 channels, whatever the stride."""
    for stride in (1, 2):
        model = model_of(LAYERS.Conv2DTranspose(2, 3, strides=stride))
        assert count_macs(model) == 4 * 4 * 3 * 3 * 3 * 2


def test_an_embedding_multiplies_nothing() -> None:
    """It looks rows up; the dense layer behind it multiplies at each of the steps."""
    model = keras.Sequential([keras.Input((6,), dtype="int32"), LAYERS.Embedding(10, 4), LAYERS.Dense(2)])

    assert count_macs(model) == 6 * 4 * 2


@pytest.mark.parametrize("by_name", [False, True])
def test_attention_costs_its_projections_and_both_products(by_name: bool) -> None:
    """Queries of 5 steps over values of 7: two heads of 4 numbers for keys, 3 for values, 8 numbers out.

    queries 5 * 8 * 2*4, keys 7 * 6 * 2*4, values 7 * 6 * 2*3, scores 5 * 7 * 2*4, sums 5 * 7 * 2*3, output 5 * 2*3 * 8
    """
    queries, values = keras.Input((5, 8)), keras.Input((7, 6))
    heads = LAYERS.MultiHeadAttention(2, key_dim=4, value_dim=3)
    out = heads(query=queries, value=values) if by_name else heads(queries, values)

    assert count_macs(keras.Model([queries, values], out)) == 320 + 336 + 252 + 280 + 210 + 240


def test_attention_and_dot_without_weights_cost_their_products() -> None:
    """Scores 5 * 7 * 8 and sums 5 * 7 * 8; inner products of 8 numbers, 5 by 7 of them."""
    queries, values = keras.Input((5, 8)), keras.Input((7, 8))

    assert count_macs(keras.Model([queries, values], LAYERS.Attention()([queries, values]))) == 2 * 5 * 7 * 8
    assert count_macs(keras.Model([queries, values], LAYERS.Dot(axes=2)([queries, values]))) == 5 * 7 * 8


def test_an_open_number_of_steps_cannot_be_counted() -> None:
    """A recurrent layer gives a fixed size and reads an open one."""
    with pytest.raises(Refused) as refused:
        count_macs(keras.Sequential([keras.Input((None, 3)), LAYERS.LSTM(4)]))

    assert refused.value.problems[0].got == "an input of (None, 3)"


def test_a_layer_that_cannot_be_counted_is_refused() -> None:
    """An unknown layer with weights is never counted as free, and its refusal names it and what is known."""
    with pytest.raises(Refused) as refused:
        count_macs(model_of(LAYERS.LocallyConnected2D(2, 3, name="patches")))

    (problem,) = refused.value.problems
    assert (problem.got, "patches" in problem.what) == ("LocallyConnected2D", True)
    assert "Conv1D" in problem.expected
    assert "MultiHeadAttention" in problem.expected
