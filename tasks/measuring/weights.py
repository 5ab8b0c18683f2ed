"""What the weights of a file are: how many, how many of them zero, how many different ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.litert.graph import Graph, Tensor


def parameters(graph: Graph) -> int:
    """Return how many numbers of the file were learned: weights, biases, and constants of elementwise operators."""
    return sum(int(np.prod(tensor.shape, dtype=np.int64)) for tensor in graph.parameters())


def sparsity(graph: Graph) -> float:
    """Return the fraction of the weights that stand for zero: of quantized ones, those at the zero point.

    0.0 for a network without weights.
    """
    masks = [zeros(tensor) for tensor in graph.weights()]
    count = sum(mask.size for mask in masks)
    return float(sum(int(mask.sum()) for mask in masks) / count) if count else 0.0


def distinct_weights(graph: Graph) -> int:
    """Return the most distinct values that one tensor of weights has, as the file holds them; 0 where there is none."""
    return max(
        (np.unique(tensor.constant).size for tensor in graph.weights() if tensor.constant is not None), default=0
    )


def zeros(tensor: Tensor) -> NDArray[np.bool_]:
    """Return a mask of a constant's shape, True where the value stands for zero.

    Raises:
        ValueError: The tensor is no constant, or has a zero point a channel that differ.
    """
    if tensor.constant is None:
        raise ValueError("only a constant has zeros")
    points = np.unique(tensor.zero_point)
    if points.size > 1:
        raise ValueError(f"zero points of one tensor differ: {points}")
    mask: NDArray[np.bool_] = tensor.constant == (points[0] if points.size else 0)
    return mask
