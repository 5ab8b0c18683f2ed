"""The Pareto front: who is beaten by nobody in everything."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def dominates(costs: NDArray[np.float64], upper: NDArray[np.float64] | None = None) -> NDArray[np.bool_]:
    """Compare every point with every other.

    Args:
        costs: (n, k) finite, less is better in every column.
        upper: (n, k), where a cost is known between `costs` and this alone: intervals that touch are equal.

    Returns:
        (n, n), True at [i, j] where i is nowhere worse than j and somewhere better. Equals do not beat each other.
    """
    upper = costs if upper is None else upper
    no_worse = costs[:, np.newaxis, :] <= upper[np.newaxis, :, :]
    better = upper[:, np.newaxis, :] < costs[np.newaxis, :, :]
    return np.logical_and(no_worse.all(axis=2), better.any(axis=2))


def on_front(costs: NDArray[np.float64], upper: NDArray[np.float64] | None = None) -> NDArray[np.bool_]:
    """Mark the points that no other dominates; at least one of any finite set, and equal points together.

    Args:
        costs: (n, k) finite, less is better in every column.
        upper: (n, k), as `dominates` takes it.
    """
    return np.logical_not(dominates(costs, upper).any(axis=0))
