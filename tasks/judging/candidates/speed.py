"""Who is faster, by more than the clock can tell: intervals of latency that can be compared between candidates.

each lane's speedup over the one baseline, in turn with it ──► relative time, low to high ──► apart, or equal
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.measurement import REPEATABILITY, Latency, Measurement


def spans(measurements: Sequence[Measurement]) -> NDArray[np.float64]:
    """Return between what the latency of each lies, less is faster; only those that do not touch are different.

    Lanes are measured one after the other on a machine that has other work, so that milliseconds of two lanes say less
    than their ratios to the baseline, which ran in turn with each. The upper ends are raised by what two measurements
    of one file differ by.

    Args:
        measurements: Of the candidates. Where one was not measured beside the baseline, all are compared in
            milliseconds.

    Returns:
        (n, 2), low and high: relative to the baseline, or milliseconds.
    """
    times = [each.latency_ms for each in measurements]
    beside = all(time.speedup_low and time.speedup_high for time in times)
    ends = np.array([_relative(time) if beside else _absolute(time) for time in times], np.float64).reshape(-1, 2)
    ends[:, 1] *= 1 + REPEATABILITY
    return ends


def same_speed(one: Measurement, other: Measurement) -> bool:
    """Return whether two latencies are nearer than the clock can tell."""
    (low, high), (other_low, other_high) = spans([one, other])
    return bool(low <= other_high and other_low <= high)


def fastest_first(measurements: Sequence[Measurement], order: Sequence[tuple[float, str]]) -> list[int]:
    """Return the places of the candidates, the fastest first.

    Those that are as fast as the fastest one, as far as the clock can tell, go by `order`; then the rest likewise.

    Args:
        measurements: Of the candidates.
        order: What decides among equals, the least first.
    """
    ranked, left = [], list(range(len(measurements)))
    while left:
        times = spans([measurements[place] for place in left])
        reach = times[np.argmin(times[:, 0]), 1]
        level = [place for place, time in zip(left, times, strict=True) if time[0] <= reach]
        first = min(level, key=lambda place: order[place])
        ranked.append(first)
        left.remove(first)
    return ranked


def _relative(time: Latency) -> tuple[float, float]:
    return 1 / (time.speedup_high or 1), 1 / (time.speedup_low or 1)


def _absolute(time: Latency) -> tuple[float, float]:
    return time.p50_low or time.p50, time.p50_high or time.p50
