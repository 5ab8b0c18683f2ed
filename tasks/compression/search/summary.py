"""What a search as a whole has shown: whether cheap scores order its trials, and how good its front is.

trials, random control ──► [summarised] ──► Spearman of each score, hypervolumes ──► lines for the log

No TensorFlow: `choose` does it again for the trials of all workers together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from featherline.tasks.contracts.quality import SHARE, QualityMetric
from featherline.tasks.contracts.trials import SCORES, Agreement, Hypervolumes, Trial, Trials
from featherline.tasks.statistics.pareto import hypervolume

FEWEST = 3
"""Of trials; the ranks of two always agree or disagree."""


def summarised(trials: Trials) -> Trials:
    """Return the same trials with `agreements` and `hypervolumes` of them."""
    trained = [trial for trial in trials.trials if trial.quality is not None]
    control = [trial for trial in trials.control if trial.quality is not None]
    return trials.model_copy(
        update={
            "agreements": agreements(trained, trials.metric),
            "hypervolumes": _hypervolumes(trained, control, trials),
        }
    )


def agreements(trained: Sequence[Trial], metric: QualityMetric = SHARE) -> tuple[Agreement, ...]:
    """Return the rank correlation of each score with the quality after the first rung, which all trials have.

    An architecture that came up twice counts once.
    """
    once = {trial.architecture.to_json(): trial for trial in trained if trial.first_quality is not None}.values()
    rows = []
    for score in SCORES:
        pairs = [(getattr(trial, score), trial.first_quality) for trial in once]
        known = [(value, quality) for value, quality in pairs if value is not None and quality is not None]
        correlation = spearman([value for value, _ in known], [metric.reward(quality) for _, quality in known])
        rows.append(Agreement(score=score, spearman=correlation, trials=len(known)))
    return tuple(rows)


def spearman(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Return the correlation of the ranks, of equals the mean rank; None for less than three, or where all are equal.

    Source: Spearman 1904, https://doi.org/10.2307/1412159
    """
    if len(one) < FEWEST or len(set(one)) == 1 or len(set(other)) == 1:
        return None
    correlation = float(np.corrcoef(ranks(one), ranks(other))[0, 1])
    return max(-1.0, min(1.0, correlation))


def ranks(values: Sequence[float]) -> list[float]:
    """Return the rank of each value, 1 for the least; equal values share the mean of their ranks."""
    return [
        sum(other < value for other in values) + (sum(other == value for other in values) + 1) / 2 for value in values
    ]


def lines(trials: Trials) -> list[str]:
    """Return the summary for people."""
    said = [
        f"{each.score} and {trials.metric.name}: Spearman {each.spearman:.2f} over {each.trials} trials"
        for each in trials.agreements
        if each.spearman is not None
    ]
    volumes = trials.hypervolumes
    if volumes:
        unit = "MACs" if trials.objective == "macs" else "bytes"
        against = "" if volumes.control is None else f", {volumes.control:.4f} of {len(trials.control)} random trials"
        said.append(
            f"hypervolume {volumes.search:.4f} of {len(trials.trials)} trials by {trials.sampler}{against} "
            f"(reference: {volumes.reference:,} {unit})"
        )
    return said


def _points(trained: Sequence[Trial], trials: Trials, low: float, high: float) -> list[tuple[float, float]]:
    """Return how far each trial is from the worst to the best quality, 0 to 1, and its cost."""
    reach = (high - low) or 1.0
    return [
        ((trials.metric.reward(trial.quality) - low) / reach, float(trial.cost(trials.objective)))
        for trial in trained
        if trial.quality is not None
    ]


def _hypervolumes(trained: Sequence[Trial], control: Sequence[Trial], trials: Trials) -> Hypervolumes | None:
    """Measure both from one reference point: the worst quality at the dearest trial of either.

    A metric without a worst or best value has those of the trials in their place.
    """
    both, metric = [*trained, *control], trials.metric
    dearest = max((float(trial.cost(trials.objective)) for trial in both), default=0.0)
    if not trained or dearest <= 0:
        return None
    gains = [metric.reward(trial.quality) for trial in both if trial.quality is not None]
    low = min(gains) if metric.worst is None else metric.reward(metric.worst)
    high = max(gains) if metric.best is None else metric.reward(metric.best)
    return Hypervolumes(
        reference=int(dearest),
        search=hypervolume(_points(trained, trials, low, high), dearest),
        control=hypervolume(_points(control, trials, low, high), dearest) if control else None,
    )
