"""The census of a network's operators."""

from __future__ import annotations

import dataclasses

import numpy as np

from featherline.tasks.litert.graph import Graph
from featherline.tasks.measuring import operators


def test_census_counts_by_name(network: Graph) -> None:
    """Each operator is counted under its name in the schema."""
    assert operators.census(network) == {"ADD": 1, "CONV_2D": 1, "DEPTHWISE_CONV_2D": 1, "FULLY_CONNECTED": 1}


def test_an_integer_network_has_no_float_operator(network: Graph) -> None:
    """int8 with int32 biases counts as integer; an operator with one float operand does not."""
    floats = dataclasses.replace(network.tensors[8], dtype=np.dtype(np.float32))
    mixed = dataclasses.replace(network, tensors=(*network.tensors[:8], floats))

    assert operators.float_operators(network) == []
    assert operators.float_operators(mixed) == ["FULLY_CONNECTED"]
