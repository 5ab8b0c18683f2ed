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


def _dominates(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[0] >= other[0] and one[1] <= other[1] and one != other
