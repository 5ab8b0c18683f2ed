"""How much a candidate loses against another file, and how sure that is.

    before, after ──► drop, its interval, McNemar's p

Paired where both were measured on the same test split, else as two fractions of different images.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from featherline.tasks.contracts.words import amount
from featherline.tasks.judging.metrics.measured import Measured
from featherline.tasks.statistics.paired import adjusted_drop, bootstrap_drop, change, mcnemar
from featherline.tasks.statistics.proportions import Interval, unpaired_drop

RESAMPLES = 4000
DIGITS = 9
"""Decimals of a drop: 0.98 - 0.96 is 0.020000000000000018, which must pass a rule of 0.02."""


@dataclass(frozen=True)
class Comparison:
    """The accuracy lost between two files; every number is NaN where one of them cannot be believed.

    Attributes:
        drop: Before minus after.
        low: Of its interval.
        high: Of its interval.
        confidence: Two-sided, of the interval.
        lost: Images right before and wrong after; None where unpaired.
        gained: Images wrong before and right after; None where unpaired.
        p_value: That lost and gained images come equally often (McNemar, exact); None where unpaired.
    """

    drop: float
    low: float
    high: float
    confidence: float
    lost: int | None = None
    gained: int | None = None
    p_value: float | None = None

    def __str__(self) -> str:
        """Say the drop, its interval and the evidence in one line."""
        if math.isnan(self.drop):
            return "unknown: one of the two measurements is broken"
        interval = f"{amount(self.drop)} ({self.confidence:.0%} interval {amount(self.low)} to {amount(self.high)}"
        if self.p_value is None:
            return f"{interval}, different test images)"
        return f"{interval}; images lost {self.lost}, gained {self.gained}, McNemar p {self.p_value:.3g})"


def compare(before: Measured, after: Measured, *, seed: int) -> Comparison:
    """Compare two measurements.

    Args:
        before: The float baseline or the champion.
        after: The candidate, whose confidence is used.
        seed: Of the bootstrap.
    """
    confidence = after.numbers["confidence"]
    if not 0 < confidence < 1:
        return Comparison(math.nan, math.nan, math.nan, confidence)
    if before.correct is not None and after.correct is not None:
        found = change(before.correct, after.correct)
        low, high = widened(
            bootstrap_drop(found, confidence, resamples=RESAMPLES, seed=seed), adjusted_drop(found, confidence)
        )
        return Comparison(round(found.drop, DIGITS), low, high, confidence, found.lost, found.gained, mcnemar(found))
    counts = (_counts(before), _counts(after))
    if None in counts:
        return Comparison(math.nan, math.nan, math.nan, confidence)
    low, high = unpaired_drop(counts[0], counts[1], confidence)  # type: ignore[arg-type]
    return Comparison(round(before.accuracy - after.accuracy, DIGITS), low, high, confidence)


def widened(one: Interval, other: Interval) -> Interval:
    """Return the interval that holds both.

    The bootstrap draws from the images that were seen: where none of five changed, it is sure that none ever does.
    """
    return min(one[0], other[0]), max(one[1], other[1])


def class_drop(before: Measured, after: Measured) -> tuple[float, int]:
    """Return the most recall that a class lost, and which class.

    Returns:
        NaN and -1 where a class that `before` knows has no recall in `after`, or where no class is known.
    """
    if before.class_recall.shape != after.class_recall.shape:
        return math.nan, -1
    known = np.isfinite(before.class_recall)
    drops = before.class_recall[known] - after.class_recall[known]
    if not len(drops) or not np.isfinite(drops).all():
        return math.nan, -1
    worst = int(drops.argmax())
    return round(float(drops[worst]), DIGITS), int(np.flatnonzero(known)[worst])


def _counts(measured: Measured) -> tuple[int, int] | None:
    samples, accuracy = measured.numbers["samples"], measured.accuracy
    if not (math.isfinite(samples) and samples >= 1 and 0 <= accuracy <= 1):
        return None
    return round(accuracy * samples), int(samples)
