"""Two models on the same examples: how sure is the drop, and do they differ at all?

    correct before, correct after ──► lost, gained ──► [low, high] of the drop, p value

Only the examples on which the two disagree count: pairing makes the interval several times narrower than that of two
separate fractions.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.statistics.proportions import Interval

Correct = NDArray[np.bool_]
"""(samples,), True where the model predicts the label."""


class Change(NamedTuple):
    """What became of the examples between two models."""

    lost: int
    """Right before, wrong after."""
    gained: int
    """Wrong before, right after."""
    samples: int

    @property
    def drop(self) -> float:
        """Return the share lost; negative where it grew."""
        return (self.lost - self.gained) / self.samples


def change(before: Correct, after: Correct) -> Change:
    """Count the examples that were lost and gained.

    Args:
        before: (samples,).
        after: (samples,), of the same examples in the same order.

    Raises:
        ValueError: They are not of one length, or empty.
    """
    if before.shape != after.shape or before.ndim != 1 or not len(before):
        raise ValueError(f"pairs are two equally long rows, got {before.shape} and {after.shape}")
    return Change(int((before & ~after).sum()), int((after & ~before).sum()), len(before))


def bootstrap_drop(found: Change, confidence: float, *, resamples: int, seed: int) -> Interval:
    """Return the percentile interval of the drop over resampled examples.

    An example is lost, gained or neither, so that a resample is one draw of a multinomial: the time does not depend on
    the number of examples.

    Args:
        found: What was counted.
        confidence: Two-sided.
        resamples: Of the bootstrap.
        seed: Of the draws.

    Source: Efron and Tibshirani 1993, section 13.3.
    """
    generator = np.random.default_rng(seed)
    lost, gained = found.lost / found.samples, found.gained / found.samples
    draws = generator.multinomial(found.samples, [lost, gained, max(1 - lost - gained, 0.0)], size=resamples)
    drops = (draws[:, 0] - draws[:, 1]) / found.samples
    low, high = np.quantile(drops, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def adjusted_drop(found: Change, confidence: float) -> Interval:
    """Return Wald's interval of the drop with one example added to each kind of change, within -1 and 1.

    Unlike the bootstrap's it has a width where few examples changed, or none: five unchanged examples prove little.

    Args:
        found: What was counted.
        confidence: Two-sided.

    Source: Bonett and Price 2012, https://doi.org/10.3102/1076998611411915
    """
    samples = found.samples + 2
    lost, gained = (found.lost + 1) / samples, (found.gained + 1) / samples
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    half = z * math.sqrt(max(lost + gained - (lost - gained) ** 2, 0.0) / samples)
    return max(lost - gained - half, -1.0), min(lost - gained + half, 1.0)


def mcnemar(found: Change) -> float:
    """Return the exact two-sided p value of "as many examples are lost as are gained"; 1 where none changed.

    Source: McNemar 1947, https://doi.org/10.1007/BF02295996, with the binomial in place of chi squared.
    """
    changed = found.lost + found.gained
    fewer = min(found.lost, found.gained)
    logs = [
        math.lgamma(changed + 1) - math.lgamma(k + 1) - math.lgamma(changed - k + 1) - changed * math.log(2)
        for k in range(fewer + 1)
    ]
    return min(2 * math.fsum(math.exp(value) for value in logs), 1.0)
