"""How good the outputs of a network or a file are: the one rule of it, for every problem.

outputs, targets ──► scores ──► quality, its interval, and the quality of each slice
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from featherline.tasks.contracts.quality import Quality, Slice
from featherline.tasks.contracts.steps.train import ValidationMetrics
from featherline.tasks.problems.protocol import Outputs, Problem, Scores, Targets
from featherline.tasks.statistics.proportions import Interval, wilson
from featherline.tasks.statistics.resampling import bootstrap


def quality_value(problem: Problem, outputs: Outputs, targets: Targets) -> float:
    """Return the quality of the outputs of at least one sample."""
    return problem.aggregate(problem.score(outputs, targets))


def scored_in_batches(problem: Problem, batches: Iterable[tuple[Outputs, Targets]]) -> Scores:
    """Return the scores of outputs that come in batches, at least one of them: they alone are held."""
    return joined([problem.score(outputs, targets) for outputs, targets in batches])


def with_targets(outputs: Iterable[Outputs], targets: Targets) -> Iterator[tuple[Outputs, Targets]]:
    """Yield batches of outputs, in the order of the targets, with what they should be."""
    start = 0
    for batch in outputs:
        yield batch, targets[start : start + len(batch)]
        start += len(batch)


def joined(parts: Sequence[Scores]) -> Scores:
    """Return the scores of batches, at least one, as those of all units."""
    return Scores(np.concatenate([part.values for part in parts]), np.concatenate([part.slices for part in parts]))


def counts_units(problem: Problem, scores: Scores) -> bool:
    """Return whether the quality is the share of units that are right, so that they can be counted."""
    return problem.is_mean and scores.values.ndim == 1 and bool(np.isin(scores.values, (0.0, 1.0)).all())


def quality_of(problem: Problem, scores: Scores, confidence: float, resamples: int, seed: int) -> Quality:
    """Return the quality and its interval.

    Args:
        problem: Whose answers they are.
        scores: Of at least one unit.
        confidence: Of the interval, such as 0.95.
        resamples: Of the bootstrap.
        seed: Of its draws.
    """
    low, high = interval(problem, scores, confidence, resamples, seed)
    return Quality(metric=problem.quality, value=problem.aggregate(scores), low=low, high=high, confidence=confidence)


def interval(problem: Problem, scores: Scores, confidence: float, resamples: int, seed: int) -> Interval:
    """Return the bootstrap percentile interval; of a share Wilson's where all units are right, or none is.

    There every draw is alike, and five right answers of five would be told as 100 to 100 %. Of a mean over slices that
    interval is wider, as `unevenness` says.

    Drawing n of n right-or-wrong answers with replacement gives a binomial count, so that count is drawn itself:
    the same distribution, without n times `resamples` indices.

    Source: Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 13
    """
    if not counts_units(problem, scores):
        low, high = bootstrap(
            len(scores), lambda drawn: problem.aggregate(scores.take(drawn)), confidence, resamples=resamples, seed=seed
        )
        return _as_wide_as_is_honest(problem, scores, confidence, (low, high)) if low == high else (low, high)
    right, units = int(scores.values.sum()), len(scores)
    if right in (0, units):
        return wilson(right, units, confidence)
    counts = np.random.default_rng(seed).binomial(units, scores.values.mean(), resamples) / units
    low, high = np.quantile(counts, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def unevenness(problem: Problem, scores: Scores) -> float:
    """Return how much further a unit moves the quality than it would move a mean over all units, root mean square.

    1 where the quality is such a mean. Of a mean over slices a unit of a small slice moves it further:
    `sqrt(n * sum of 1 / n_k) / slices`, for n units of which n_k are in slice k.
    """
    sizes = np.unique(scores.slices[scores.slices >= 0], return_counts=True)[1]
    if problem.is_mean or not len(sizes):
        return 1.0
    return float(np.sqrt(sizes.sum() * (1 / sizes).sum()) / len(sizes))


def _as_wide_as_is_honest(problem: Problem, scores: Scores, confidence: float, alike: Interval) -> Interval:
    """Return the interval of a share of which every draw is alike, because all units are right or none is."""
    metric, value = problem.quality, alike[0]
    if (
        metric.unit != "share"
        or metric.least is None
        or metric.most is None
        or value not in (metric.least, metric.most)
    ):
        return alike
    reach = (1 - wilson(len(scores), len(scores), confidence)[0]) * unevenness(problem, scores)
    return max(value - reach, metric.least), min(value + reach, metric.most)


def slices_of(problem: Problem, scores: Scores, vocabulary: Sequence[str]) -> tuple[Slice, ...]:
    """Return the quality of each slice, in the problem's order; None where there is no unit of it."""
    found = []
    for number, name in enumerate(problem.slice_names(vocabulary)):
        there = scores.slices == number
        quality = problem.slice_quality(scores, number) if there.any() else None
        found.append(Slice(name=name, samples=int(there.sum()), quality=quality))
    return tuple(found)


def validation_metrics(
    problem: Problem, outputs: Outputs, targets: Targets, vocabulary: Sequence[str]
) -> ValidationMetrics:
    """Return what a gate judges a network by: quality, loss, and the quality of each slice."""
    scores = problem.score(outputs, targets)
    return ValidationMetrics(
        quality=problem.aggregate(scores),
        metric=problem.quality,
        problem=problem.name,
        loss=problem.mean_loss(outputs, targets),
        slices=slices_of(problem, scores, vocabulary),
        samples=len(targets),
    )
