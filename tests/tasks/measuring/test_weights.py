"""Parameters, zeros and distinct weights of networks that fit on a page."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from featherline.tasks.litert.graph import Graph, Operator
from featherline.tasks.measuring import macs, size, weights
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
