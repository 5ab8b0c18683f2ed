"""Parameters, zeros and distinct weights of networks that fit on a page."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from featherline.tasks.litert.convert import convert
from featherline.tasks.litert.graph import Graph, Operator, read_graph
from featherline.tasks.measuring import macs, size, weights
from featherline.tasks.networks.framework import keras
from tests.tasks.measuring.conftest import flat


def test_parameters_are_kernels_and_biases(network: Graph) -> None:
    """72 + 4 + 36 + 640."""
    assert weights.parameters(network) == 752


def test_zeros_are_at_the_zero_point(network: Graph) -> None:
    """18 of 72 convolution weights are at their zero point 7, one of 36 depthwise ones is 0, of 748 in all."""
    assert weights.sparsity(network) == pytest.approx(19 / 748)


def test_zero_points_that_differ_are_not_guessed_at() -> None:
    """A tensor whose channels have different zero points raises instead of counting wrong."""
    odd = dataclasses.replace(flat((2,), np.zeros(2, np.int8)), zero_point=np.array([0, 1]))

    with pytest.raises(ValueError, match="differ"):
        weights.zeros(odd)


def test_most_distinct_weights_of_a_kernel(network: Graph) -> None:
    """The depthwise kernel has 36 different weights, the others two and one."""
    assert weights.distinct_weights(network) == 36


def test_a_network_without_kernels_has_no_weights() -> None:
    """Sparsity, distinct weights, MACs and entropy of a lone activation are zero."""
    graph = Graph((flat((1, 4)), flat((1, 4))), (Operator("RELU", (0,), (1,)),), (0,), (1,), None)

    assert weights.sparsity(graph) == 0.0
    assert (weights.distinct_weights(graph), macs.macs(graph), size.entropy_bytes(graph)) == (0, 0, 0)


def test_matrices_of_an_lstm_and_rows_of_an_embedding_are_weights() -> None:
    """A file of 7 embeddings of 4, an LSTM of 5 units and a dense layer has the network's parameters and its zeros."""
    layers = keras.layers
    network = keras.Sequential(
        [keras.Input((6,)), layers.Embedding(7, 4, name="words"), layers.LSTM(5, name="lstm"), layers.Dense(3)]
    )
    generator = np.random.default_rng(0)  # tensors that are equal, such as biases of zeros, lie in a file once
    network.set_weights([generator.normal(size=weight.shape) for weight in network.get_weights()])
    for name, whole in (("words", np.s_[2:]), ("lstm", np.s_[:, :5])):
        first, *others = network.get_layer(name).get_weights()
        first[whole] = 0
        network.get_layer(name).set_weights([first, *others])

    graph = read_graph(convert(network, "float32"))

    assert weights.parameters(graph) == network.count_params() == 28 + (80 + 100 + 20) + (15 + 3)
    assert weights.sparsity(graph) == pytest.approx((20 + 20) / (28 + 80 + 100 + 15))
    assert weights.distinct_weights(graph) == 25  # recurrent ones of a gate
