"""A metric of which less is better, through the rules of the release gate and the choice."""

from __future__ import annotations

import math

import numpy as np
import pytest

from featherline.tasks.contracts.quality import Quality
from featherline.tasks.contracts.steps.validate_metrics import GateRules
from featherline.tasks.judging.candidates.compare import compare
from featherline.tasks.judging.candidates.measured import Measured
from featherline.tasks.judging.candidates.rules import bounds_of
from featherline.tasks.problems.protocol import Scores
from tests.tasks.errors import ERROR, MeanError

PROBLEM = MeanError()


def measured(errors: list[float] | None, value: float, *, low: float = 0.0, high: float = 9.0) -> Measured:
    """Return a measurement of a file with these errors; of another test split where there are none."""
    numbers = {
        "quality.value": value,
        "quality.low": low,
        "quality.high": high,
        "quality.confidence": 0.95,
        "samples": 4,
    }
    scores = None if errors is None else Scores(np.array(errors), np.full(len(errors), -1))
    return Measured("int8", numbers, np.zeros(0), "", scores, "", PROBLEM, sliced=False)


def test_a_larger_error_is_a_drop() -> None:
    """From 1 to 1.5 mm half a millimetre is lost; the other way it is gained."""
    worse = compare(measured([1.0, 1.0], 1.0), measured([1.0, 2.0], 1.5), seed=0)
    better = compare(measured([1.0, 2.0], 1.5), measured([1.0, 1.0], 1.0), seed=0)

    assert (worse.drop, better.drop) == (0.5, -0.5)
    assert worse.low <= 0.5 <= worse.high
    assert (worse.p_value, worse.paired) == (None, True)
    assert str(worse).startswith("0.5 mm (95% interval ")


def test_of_other_samples_the_intervals_are_joined() -> None:
    """Two errors known to 3 and 4 tenths differ by 1, known to 5 tenths."""
    found = compare(measured(None, 1.0, low=0.7, high=1.3), measured(None, 2.0, low=1.6, high=2.4), seed=0)

    assert found.drop == 1.0
    assert (found.low, found.high) == pytest.approx((0.5, 1.5))


@pytest.mark.parametrize(("value", "room"), [(0.5, 0.0), (0.4, 0.1), (0.6, -0.1)])
def test_a_floor_is_the_most_that_may_be(value: float, room: float) -> None:
    """0.5 mm keeps a bound of 0.5 mm, and 0.6 breaks it."""
    constant = PROBLEM.constant(np.array([[0.0], [2.0]]))

    floor = bounds_of(GateRules(min_quality=0.5), champion=False, constant=constant, problem=PROBLEM)[0]

    assert (floor.minimum, floor.maximum) == (None, 0.5)
    assert floor.margin(value) == pytest.approx(room)
    assert "at most 0.5 mm" in floor.expected


def test_an_unnamed_floor_is_better_than_the_median() -> None:
    """Targets of 0 and 2 have the error 1 of their median, which alone does not pass."""
    constant = PROBLEM.constant(np.array([[0.0], [2.0]]))

    floor = bounds_of(GateRules(), champion=False, constant=constant, problem=PROBLEM)[0]

    assert (floor.margin(1.0) or 0.0) <= 0
    assert floor.maximum == math.nextafter(1.0, 0.0)


def test_what_is_least_is_rewarded_most() -> None:
    """The objective and the front take less of what more is better of."""
    small, large = (Quality(metric=ERROR, value=value, low=0, high=9, confidence=0.95) for value in (0.2, 0.7))

    assert small.reward > large.reward
    assert small.drop_to(large) == pytest.approx(0.5)
    assert ERROR.best_of((0.7, 0.2, 0.5)) == 0.2
