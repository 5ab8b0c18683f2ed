"""The Pareto front: who is beaten by nobody in everything."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def dominates(costs: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Compare every point with every other.

    Args:
        costs: (n, k) finite, less is better in every column.

    Returns:
        (n, n), True at [i, j] where i is nowhere worse than j and somewhere better. Equals do not beat each other.
    """
    here, there = costs[:, np.newaxis, :], costs[np.newaxis, :, :]
    return np.logical_and((here <= there).all(axis=2), (here < there).any(axis=2))


def on_front(costs: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mark the points that no other dominates; at least one of any finite set, and equal points together.

    Args:
        costs: (n, k) finite, less is better in every column.
    """
    return np.logical_not(dominates(costs).any(axis=0))
