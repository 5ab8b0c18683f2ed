"""Pareto fronts, seen by eye."""

from __future__ import annotations

from tasks.searching.front import best_first, pareto_ranks

POINTS = [(0.9, 100.0), (0.8, 50.0), (0.8, 60.0), (0.7, 200.0), (0.9, 100.0)]


def test_a_front_is_what_nothing_dominates() -> None:
    """Equal points share the front; the dominated follow in fronts of their own."""
    assert pareto_ranks(POINTS) == [0, 0, 1, 2, 0]
    assert pareto_ranks([]) == []


def test_the_best_come_by_front_then_accuracy_then_cost() -> None:
    """The most accurate of the first front is first; of equals the earlier."""
    assert best_first(POINTS) == [0, 4, 1, 2, 3]
