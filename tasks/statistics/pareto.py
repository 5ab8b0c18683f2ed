"""Pareto fronts of accuracy (more is better) against cost (less is better). No TensorFlow: `choose` reads it."""

from __future__ import annotations

from collections.abc import Sequence


def pareto_ranks(points: Sequence[tuple[float, float]]) -> list[int]:
    """Return the front of each point: 0 for what nothing dominates, 1 for what only front 0 dominates, and so on.

    Args:
        points: (accuracy, cost). One dominates another when it is no worse in both and better in one; equal points
            share their front.
    """
    ranks = [-1] * len(points)
    left = set(range(len(points)))
    rank = 0
    while left:
        front = {one for one in left if not any(_dominates(points[other], points[one]) for other in left)}
        for one in front:
            ranks[one] = rank
        left -= front
        rank += 1
    return ranks


def best_first(points: Sequence[tuple[float, float]]) -> list[int]:
    """Return the positions of the points: by front, within one the most accurate first, then the cheapest."""
    ranks = pareto_ranks(points)
    return sorted(range(len(points)), key=lambda one: (ranks[one], -points[one][0], points[one][1], one))


def hypervolume(points: Sequence[tuple[float, float]], cost: float) -> float:
    """Return the part of the box from (accuracy 0, `cost`) to (accuracy 1, cost 0) that the points dominate, 0 to 1.

    Exact: the area under the staircase of the front. A point as dear as `cost`, or dearer, adds nothing.

    Args:
        points: (accuracy, cost).
        cost: Of the reference point, more than 0.

    Source: Zitzler and Thiele 1998, section 3.2, https://doi.org/10.1007/BFb0056872
    """
    area, reached = 0.0, 0.0
    for accuracy, spent in sorted(points, key=lambda point: (point[1], -point[0])):
        if accuracy > reached and spent < cost:
            area += (accuracy - reached) * (cost - spent)
            reached = accuracy
    return area / cost


def _dominates(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[0] >= other[0] and one[1] <= other[1] and one != other
