"""The bootstrap: how far a number would move if other units had been drawn."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.statistics.proportions import Interval


def bootstrap(
    units: int, statistic: Callable[[NDArray[np.intp]], float], confidence: float, *, resamples: int, seed: int
) -> Interval:
    """Return the percentile interval of a statistic of units that are drawn with replacement.

    Args:
        units: How many there are.
        statistic: Of the units at these places, (units,), some of which come several times.
        confidence: Two-sided, such as 0.95.
        resamples: Draws.
        seed: Of the draws.

    Source: Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 13
    """
    generator = np.random.default_rng(seed)
    drawn = [statistic(generator.integers(0, units, units)) for _ in range(resamples)]
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
