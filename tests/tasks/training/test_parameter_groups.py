"""Groups of variables, each at its part of the rate."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from featherline.tasks.networks.framework import keras, tf
from featherline.tasks.training.parameter_groups import GroupedOptimizer, ParameterGroup


def sgd() -> Any:
    """Return plain gradient descent."""
    return keras.optimizers.legacy.SGD(1.0)


def adam() -> Any:
    """Return Adam."""
    return keras.optimizers.legacy.Adam(1.0)


@pytest.mark.parametrize("make", [sgd, adam])
def test_a_group_learns_at_its_part_of_the_rate(make: Any) -> None:
    """At a tenth of the rate a variable takes a tenth of the step; of Adam too, whose step has no size of its own."""
    head, file = tf.Variable(1.0), tf.Variable(1.0)
    optimizer = GroupedOptimizer([ParameterGroup([head]), ParameterGroup([file], 0.1)], make)

    optimizer.apply([tf.constant(1.0), tf.constant(1.0)], tf.constant(0.5))

    assert optimizer.variables == [head, file]
    assert float(head) == pytest.approx(0.5, abs=1e-5)
    assert float(file) == pytest.approx(0.95, abs=1e-5)


def test_a_state_goes_back_where_it_came_from() -> None:
    """Steps after it are those that would have followed, bit by bit."""

    def trained(steps: int, state: Any = None, values: Any = (1.0, 2.0)) -> tuple[Any, list[float]]:
        variables = [tf.Variable(value) for value in values]
        optimizer = GroupedOptimizer([ParameterGroup(variables[:1]), ParameterGroup(variables[1:], 0.1)], adam)
        optimizer.create()
        if state is not None:
            optimizer.set_weights(state)
        for _ in range(steps):
            optimizer.apply([tf.constant(each) for each in map(float, variables)], tf.constant(0.1))
        return optimizer.get_weights(), [float(variable) for variable in variables]

    state, values = trained(3)
    gone_on = trained(2, state, values)[1]

    assert len(state) == 6
    assert np.array_equal(gone_on, trained(5)[1])
