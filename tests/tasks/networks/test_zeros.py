"""Zeros: counted, held against the pattern, and kept while training goes on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from featherline.tasks.networks.framework import keras
from featherline.tasks.networks.zeros import KeepZeros, breaks_two_of_four, check_zeros, kernels, sparsity

L = keras.layers


@pytest.fixture
def half_empty() -> Any:
    """Give a dense layer of 2 x 2 weights, two of them zero, behind a batch normalisation."""
    model = keras.Sequential([keras.Input((2,)), L.BatchNormalization(), L.Dense(2, name="d")])
    model.get_layer("d").set_weights([np.array([[1.0, 0.0], [0.0, 2.0]]), np.zeros(2)])
    return model


def test_only_kernels_count(half_empty: Any) -> None:
    """Zero biases and offsets are no sparsity: two of four kernel weights are zero."""
    assert sparsity(half_empty) == 0.5
    assert list(kernels(half_empty)) == ["d"]


def test_depthwise_kernels_do_not_count() -> None:
    """A model without a kernel that may hold zeros has sparsity 0."""
    model = keras.Sequential([keras.Input((4, 4, 2)), L.DepthwiseConv2D(3, depthwise_initializer="zeros")])

    assert sparsity(model) == 0


@pytest.mark.parametrize(
    ("column", "broken"),
    [
        ([1, 0, 1, 0], 0),
        ([1, 1, 1, 0], 1),
        ([0, 0, 0, 0], 0),
        ([1, 0, 0, 1, 1, 1], 0),
        ([1, 0, 0, 1, 1, 1, 1], 1),
        ([1, 0, 1, 1, 0, 0, 1, 0], 1),
        ([1, 1, 1], 1),
    ],
)
def test_two_of_four_is_counted_along_the_input_channels(column: list[int], broken: int) -> None:
    """Each block of four input channels of one output may have two values that are not zero."""
    kernel = np.array(column, np.float32).reshape(1, 1, -1, 1)

    assert breaks_two_of_four(kernel) == broken


def test_zeros_are_set_again_after_a_step(half_empty: Any) -> None:
    """What a step adds to a zero is dropped; what it adds to another weight stays."""
    zeros = KeepZeros(half_empty)
    half_empty.get_layer("d").kernel.assign_add(np.ones((2, 2)))

    zeros.on_train_batch_end(0)

    assert half_empty.get_layer("d").kernel.numpy().tolist() == [[2, 0], [0, 3]]
    zeros.check()


def test_a_lost_zero_is_found(half_empty: Any) -> None:
    """A weight that was zero and is not any more stops the step."""
    zeros = KeepZeros(half_empty)
    dense = keras.models.clone_model(half_empty)
    dense.get_layer("d").set_weights([np.ones((2, 2)), np.zeros(2)])

    with pytest.raises(AssertionError, match="2 weights that had been pruned"):
        check_zeros(half_empty, dense)

    half_empty.get_layer("d").kernel.assign_add(np.ones((2, 2)))
    with pytest.raises(AssertionError, match="2 weights that had been pruned"):
        zeros.check()
