"""Pareto fronts, seen by eye."""

from __future__ import annotations

import numpy as np
import pytest

from featherline.tasks.statistics.pareto import best_first, dominates, hypervolume, on_front, pareto_ranks

POINTS = [(0.9, 100.0), (0.8, 50.0), (0.8, 60.0), (0.7, 200.0), (0.9, 100.0)]


def test_a_front_is_what_nothing_dominates() -> None:
    """Equal points share the front; the dominated follow in fronts of their own."""
    assert pareto_ranks(POINTS) == [0, 0, 1, 2, 0]
    assert pareto_ranks([]) == []


def test_the_best_come_by_front_then_accuracy_then_cost() -> None:
    """The most accurate of the first front is first; of equals the earlier."""
    assert best_first(POINTS) == [0, 4, 1, 2, 3]


def test_the_hypervolume_is_the_area_under_the_staircase() -> None:
    """In a box of cost 10: (0.5, 2) holds 0.5 * 8, (0.75, 6) adds 0.25 * 4; 5 of 10. The dominated add nothing."""
    points = [(0.75, 6.0), (0.5, 2.0)]

    assert hypervolume(points, 10.0) == pytest.approx(0.5)
    assert hypervolume([*points, (0.4, 3.0), (0.5, 2.0), (0.75, 7.0)], 10.0) == pytest.approx(0.5)


def test_the_hypervolume_of_the_edges() -> None:
    """All of the box is 1, nothing is 0, and what costs as much as the reference adds nothing."""
    assert hypervolume([(1.0, 0.0)], 10.0) == 1.0
    assert hypervolume([], 10.0) == 0.0
    assert hypervolume([(1.0, 10.0), (0.5, 12.0)], 10.0) == 0.0


def test_the_front_is_who_is_beaten_by_nobody() -> None:
    """(3, 3) is beaten by (2, 2); the others are each the best in something."""
    costs = np.array([[1.0, 4.0], [2.0, 2.0], [3.0, 3.0], [4.0, 1.0]])

    assert on_front(costs).tolist() == [True, True, False, True]


def test_equals_are_on_the_front_together() -> None:
    """Equal points do not beat each other."""
    assert on_front(np.array([[1.0, 1.0], [1.0, 1.0]])).tolist() == [True, True]


def test_as_good_in_one_and_better_in_another_dominates() -> None:
    """(1, 1) beats (1, 2), and nothing beats itself."""
    beaten = dominates(np.array([[1.0, 1.0], [1.0, 2.0]]))

    assert beaten.tolist() == [[False, True], [False, False]]


def test_nobody_is_on_the_front_of_nothing() -> None:
    """No points, no front."""
    assert on_front(np.zeros((0, 2))).tolist() == []
