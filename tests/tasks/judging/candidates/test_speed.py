"""Which of two files is faster, where the clock can tell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from featherline.tasks.contracts.measurement import Latency
from featherline.tasks.judging.candidates.speed import fastest_first, same_speed, spans
from featherline.tasks.statistics.pareto import dominates, on_front


class Timed:
    """What of a measurement is looked at."""

    def __init__(self, p50: float, speedup: tuple[float, float] | None = None) -> None:
        given: dict[str, Any] = {"speedup_low": speedup[0], "speedup_high": speedup[1]} if speedup else {}
        self.latency_ms = Latency(p50=p50, p90=p50, p99=p50, threads=1, runs=300, warm_up=20, **given)


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (Timed(1.00), Timed(1.04), True),
        (Timed(1.00), Timed(1.06), False),
        (Timed(1.00, (2.0, 2.1)), Timed(3.00, (1.95, 2.05)), True),
        (Timed(1.00, (2.0, 2.1)), Timed(1.01, (1.5, 1.6)), False),
        (Timed(1.00, (1.0, 3.0)), Timed(1.00, (2.0, 2.1)), True),
    ],
    ids=[
        "nearer than two measurements",
        "further",
        "the machine was slower",
        "the machine was faster",
        "a wide interval",
    ],
)
def test_latencies_differ_by_more_than_the_clock_can_tell(one: Any, other: Any, equal: bool) -> None:
    """Speedups over the baseline count where both have one, and milliseconds where not."""
    assert same_speed(one, other) == same_speed(other, one) == equal


def test_the_better_one_of_equally_fast_ones_comes_first() -> None:
    """Three within the reach of the fastest go by what decides among equals; the slow one is last."""
    times: Any = [Timed(1.00), Timed(1.04), Timed(1.03), Timed(2.0)]

    assert fastest_first(times, [(3, "a"), (1, "b"), (2, "c"), (0, "d")]) == [1, 2, 0, 3]


def test_no_place_on_the_front_is_won_by_the_clock() -> None:
    """A file that is larger and 4 % faster is dominated; one that is larger and 30 % faster is on the front."""
    times = spans([Timed(1.00), Timed(0.96), Timed(0.70)])  # type: ignore[list-item]
    low = np.column_stack([[10.0, 11.0, 12.0], times[:, 0]])
    high = np.column_stack([[10.0, 11.0, 12.0], times[:, 1]])

    assert on_front(low, high).tolist() == [True, False, True]
    assert dominates(low, high)[0].tolist() == [False, True, False]


def test_a_bound_is_broken_by_more_than_the_clock_can_tell() -> None:
    """Four percent over is not over; six is, unless its interval reaches further down."""
    wide = Timed(1.06).latency_ms.model_copy(update={"p50_low": 1.01, "p50_high": 1.10})

    assert [Timed(ms).latency_ms.surely_over(1.0) for ms in (1.0, 1.04, 1.06)] == [False, False, True]
    assert not wide.surely_over(1.0)
