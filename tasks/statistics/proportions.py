"""Intervals for one fraction and for the difference of two that were measured on different examples.

    correct of n ──► [low, high]

A fraction of 200 examples is known to about ±0.03: an interval says so, a point does not.
"""

from __future__ import annotations

import math
from statistics import NormalDist

Interval = tuple[float, float]
"""(low, high)."""


def wilson(correct: int, samples: int, confidence: float) -> Interval:
    """Return the score interval of a fraction, which stays within 0 and 1 and is honest at both ends.

    Args:
        correct: Of `samples`.
        samples: At least one.
        confidence: Two-sided, such as 0.95.

    Raises:
        ValueError: There are no samples, or more are correct than there are.

    Source: Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953
    """
    if samples < 1 or not 0 <= correct <= samples:
        raise ValueError(f"a fraction is of at least one sample, got {correct} of {samples}")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    fraction = correct / samples
    centre = fraction + z * z / (2 * samples)
    half = z * math.sqrt(fraction * (1 - fraction) / samples + z * z / (4 * samples * samples))
    scale = 1 + z * z / samples
    return max((centre - half) / scale, 0.0), min((centre + half) / scale, 1.0)


def unpaired_drop(before: tuple[int, int], after: tuple[int, int], confidence: float) -> Interval:
    """Return the interval of `before - after`, two fractions measured on different examples.

    Args:
        before: (correct, samples).
        after: (correct, samples).
        confidence: Two-sided.

    Source: Newcombe 1998, method 10, https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8%3C873::AID-SIM779%3E3.0.CO;2-I
    """
    p_before, p_after = before[0] / before[1], after[0] / after[1]
    low_before, high_before = wilson(*before, confidence)
    low_after, high_after = wilson(*after, confidence)
    drop = p_before - p_after
    return (
        drop - math.hypot(p_before - low_before, high_after - p_after),
        drop + math.hypot(high_before - p_before, p_after - low_after),
    )
