"""How much a candidate loses against another file, and how sure that is.

    before, after ──► drop, its interval, McNemar's p

Paired where both were measured on the same test split, else as two values of different samples. McNemar counts only
where a unit is right or wrong.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.quality import DROP_DECIMALS, SHARE, QualityMetric
from featherline.tasks.judging.candidates.measured import Measured
from featherline.tasks.problems.protocol import Problem, Scores
from featherline.tasks.problems.scored import counts_units, unevenness
from featherline.tasks.statistics.paired import Change, adjusted_drop, bootstrap_drop, change, mcnemar
from featherline.tasks.statistics.proportions import Interval, unpaired_drop
from featherline.tasks.statistics.resampling import bootstrap

RESAMPLES = 4000


@dataclass(frozen=True)
class Comparison:
    """The quality lost between two files; every number is NaN where one of them cannot be believed.

    Attributes:
        drop: By how much after is worse than before.
        low: Of its interval.
        high: Of its interval.
        confidence: Two-sided, of the interval.
        lost: Units right before and wrong after; None where unpaired, or where a unit is not right or wrong.
        gained: Units wrong before and right after; None in the same cases.
        p_value: That lost and gained units come equally often (McNemar, exact); None in the same cases.
        metric: Of the quality.
        unit: What one unit is called.
    """

    drop: float
    low: float
    high: float
    confidence: float
    lost: int | None = None
    gained: int | None = None
    p_value: float | None = None
    metric: QualityMetric = SHARE
    unit: str = "sample"
    paired: bool = False

    def __str__(self) -> str:
        """Say the drop, its interval and the evidence in one line."""
        if math.isnan(self.drop):
            return "unknown: one of the two measurements is broken"
        amount = self.metric.amount
        interval = f"{amount(self.drop)} ({self.confidence:.0%} interval {amount(self.low)} to {amount(self.high)}"
        if self.p_value is None:
            return f"{interval})" if self.paired else f"{interval}, different test {self.unit}s)"
        return f"{interval}; {self.unit}s lost {self.lost}, gained {self.gained}, McNemar p {self.p_value:.3g})"


def compare(before: Measured, after: Measured, *, seed: int) -> Comparison:
    """Compare two measurements.

    Args:
        before: The float baseline or the champion.
        after: The candidate, whose confidence is used.
        seed: Of the bootstrap.
    """
    confidence, problem = after.numbers["quality.confidence"], after.problem
    metric, unit = problem.quality, problem.words.unit
    if not 0 < confidence < 1:
        return Comparison(math.nan, math.nan, math.nan, confidence)
    drop = metric.drop(before.quality, after.quality)
    if before.scores is not None and after.scores is not None:
        if counts_units(problem, before.scores) and counts_units(problem, after.scores):
            changed = change(before.scores.values > 0, after.scores.values > 0)
            low, high = widened(
                bootstrap_drop(changed, confidence, resamples=RESAMPLES, seed=seed), adjusted_drop(changed, confidence)
            )
            counts = (changed.lost, changed.gained, mcnemar(changed))
            drop = round(changed.drop, DROP_DECIMALS)
            return Comparison(drop, low, high, confidence, *counts, metric, unit, paired=True)
        low, high = _resampled(problem, before.scores, after.scores, confidence, seed)
        return Comparison(drop, low, high, confidence, metric=metric, unit=unit, paired=True)
    if metric.unit != "share" or not problem.is_mean:
        low, high = _unpaired(before, after, metric)
        return Comparison(drop, low, high, confidence, metric=metric, unit=unit)
    pair = (_counts(before), _counts(after))
    if None in pair:
        return Comparison(math.nan, math.nan, math.nan, confidence)
    low, high = unpaired_drop(pair[0], pair[1], confidence)  # type: ignore[arg-type]
    return Comparison(drop, low, high, confidence, metric=metric, unit=unit)


def _resampled(problem: Problem, before: Scores, after: Scores, confidence: float, seed: int) -> Interval:
    """Return the bootstrap's interval of the drop, the same units drawn of both.

    That of a share is at least as wide as where no unit changed, which proves little of few units.
    """

    def drop(drawn: NDArray[np.intp]) -> float:
        pair = (problem.aggregate(scores.take(drawn)) for scores in (before, after))
        return problem.quality.drop(*pair)

    interval = bootstrap(len(before), drop, confidence, resamples=RESAMPLES, seed=seed)
    if problem.quality.unit != "share":
        return interval
    unchanged = adjusted_drop(Change(0, 0, len(before)), confidence)[1] * unevenness(problem, before)
    centre = drop(np.arange(len(before)))
    return widened(interval, (max(centre - unchanged, -1.0), min(centre + unchanged, 1.0)))


def _unpaired(before: Measured, after: Measured, metric: QualityMetric) -> Interval:
    """Return the interval of the drop of two values whose own intervals are known, as of independent errors.

    Source: Zou and Donner 2008, section 2, https://doi.org/10.1002/sim.3095 (MOVER)
    """
    ends = []
    for measured in (before, after):
        value, low, high = (metric.reward(measured.numbers[f"quality.{part}"]) for part in ("value", "low", "high"))
        ends.append((value, min(low, high), max(low, high)))
    (one, one_low, one_high), (other, other_low, other_high) = ends
    down = math.hypot(one - one_low, other_high - other)
    up = math.hypot(one_high - one, other - other_low)
    return one - other - down, one - other + up


def widened(one: Interval, other: Interval) -> Interval:
    """Return the interval that holds both.

    The bootstrap draws from the examples that were seen: where none of five changed, it is sure that none ever does.
    """
    return min(one[0], other[0]), max(one[1], other[1])


def slice_drop(before: Measured, after: Measured) -> tuple[float, int]:
    """Return the most quality that a slice lost, and which slice.

    Returns:
        NaN and -1 where a slice that `before` knows has no quality in `after`, or where no slice is known; 0 and -1
        where the problem has no slices.
    """
    if before.slices.shape != after.slices.shape:
        return math.nan, -1
    if not before.slices.size and not after.sliced:
        return 0.0, -1
    metric, known = after.problem.quality, np.isfinite(before.slices)
    drops = np.array(
        [metric.drop(was, now) for was, now in zip(before.slices[known], after.slices[known], strict=True)]
    )
    if not len(drops) or not np.isfinite(drops).all():
        return math.nan, -1
    worst = int(drops.argmax())
    return float(drops[worst]), int(np.flatnonzero(known)[worst])


def _counts(measured: Measured) -> tuple[int, int] | None:
    samples, quality = measured.numbers["samples"], measured.quality
    if not (math.isfinite(samples) and samples >= 1 and 0 <= quality <= 1):
        return None
    return round(quality * samples), int(samples)
