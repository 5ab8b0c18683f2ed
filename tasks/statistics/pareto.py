"""Pareto fronts of gain (more is better) against cost (less is better). No TensorFlow: `choose` reads it."""

from __future__ import annotations

from collections.abc import Sequence

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


def pareto_ranks(points: Sequence[tuple[float, float]]) -> list[int]:
    """Return the front of each point: 0 for what nothing dominates, 1 for what only front 0 dominates, and so on.

    Args:
        points: (gain, cost). One dominates another when it is no worse in both and better in one; equal points
            share their front.
    """
    beats = dominates(np.array([(-gain, cost) for gain, cost in points], np.float64).reshape(-1, 2))
    ranks, left = np.zeros(len(points), np.int64), np.ones(len(points), np.bool_)
    while left.any():
        front = left & ~beats[left].any(axis=0)
        left &= ~front
        ranks[left] += 1
    return [int(rank) for rank in ranks]


def best_first(points: Sequence[tuple[float, float]]) -> list[int]:
    """Return the positions of the points: by front, within one that of most gain first, then the cheapest."""
    ranks = pareto_ranks(points)
    return sorted(range(len(points)), key=lambda one: (ranks[one], -points[one][0], points[one][1], one))


def hypervolume(points: Sequence[tuple[float, float]], cost: float) -> float:
    """Return the part of the box from (gain 0, `cost`) to (gain 1, cost 0) that the points dominate, 0 to 1.

    Exact: the area under the staircase of the front. A point as dear as `cost`, or dearer, adds nothing.

    Args:
        points: (gain, cost).
        cost: Of the reference point, more than 0.

    Source: Zitzler and Thiele 1998, section 3.2, https://doi.org/10.1007/BFb0056872
    """
    area, reached = 0.0, 0.0
    for gain, spent in sorted(points, key=lambda point: (point[1], -point[0])):
        if gain > reached and spent < cost:
            area += (gain - reached) * (cost - spent)
            reached = gain
    return area / cost
