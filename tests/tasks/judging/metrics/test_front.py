"""The Pareto front over costs, where less is better."""

import numpy as np

from featherline.tasks.judging.metrics.front import dominates, on_front


def test_the_front_is_who_is_beaten_by_nobody():
    """(3, 3) is beaten by (2, 2); the others are each the best in something."""
    costs = np.array([[1.0, 4.0], [2.0, 2.0], [3.0, 3.0], [4.0, 1.0]])

    assert on_front(costs).tolist() == [True, True, False, True]


def test_equals_are_on_the_front_together():
    """Equal points do not beat each other."""
    assert on_front(np.array([[1.0, 1.0], [1.0, 1.0]])).tolist() == [True, True]


def test_as_good_in_one_and_better_in_another_dominates():
    """(1, 1) beats (1, 2), and nothing beats itself."""
    beaten = dominates(np.array([[1.0, 1.0], [1.0, 2.0]]))

    assert beaten.tolist() == [[False, True], [False, False]]


def test_nobody_is_on_the_front_of_nothing():
    """No points, no front."""
    assert on_front(np.zeros((0, 2))).tolist() == []
