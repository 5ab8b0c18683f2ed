"""The curves of a training while it runs, and what they say: enough, or how long still."""

from __future__ import annotations

from collections.abc import Sequence

from featherline.tasks.contracts.model import TrainingHistory
from featherline.tasks.contracts.quality import QualityMetric


def empty_history(stage: str, metric: QualityMetric) -> TrainingHistory:
    """Return a history without epochs."""
    return TrainingHistory(
        stage=stage,
        metric=metric,
        loss=(),
        quality=(),
        validation_loss=(),
        validation_quality=(),
        learning_rate=(),
        seconds=(),
    )


def longer(history: TrainingHistory, **numbers: float) -> TrainingHistory:
    """Return the history with one epoch more, a number for each curve."""
    return history.model_copy(update={name: (*getattr(history, name), number) for name, number in numbers.items()})


def out_of_patience(history: TrainingHistory, patience: int | None, *, since: int = 0) -> bool:
    """Return whether the last `patience` epochs brought no better validation quality than the best before them.

    Epochs before `since` do not count.
    """
    curve = [history.metric.reward(value) for value in history.validation_quality[since:]]
    return patience is not None and len(curve) > patience and max(curve[-patience:]) <= max(curve[:-patience])


def is_best(history: TrainingHistory) -> bool:
    """Return whether the last epoch's validation quality is the best so far; of equals the later one is."""
    curve = history.validation_quality
    return history.metric.reward(curve[-1]) >= history.metric.reward(history.metric.best_of(curve))


def progress_line(history: TrainingHistory, epochs: int) -> str:
    """Return what the last epoch brought, and how long the others will take at the pace of the last five."""
    done, recent = len(history.loss), history.seconds[-5:]
    left = (epochs - done) * sum(recent) / len(recent)
    metric = history.metric
    return (
        f"{history.stage} {done}/{epochs}  loss {history.loss[-1]:.4f}  {metric.told(history.quality[-1])}"
        f"  validation {metric.text(history.validation_quality[-1])}  {history.seconds[-1]:.2f} s  ETA {left:.0f} s"
    )


def joined(histories: Sequence[TrainingHistory], stage: str) -> TrainingHistory:
    """Return trainings that followed each other as one."""
    curves = set(TrainingHistory.model_fields) - {"format", "stage", "metric"}
    return TrainingHistory(
        stage=stage,
        metric=histories[0].metric,
        **{name: tuple(x for history in histories for x in getattr(history, name)) for name in curves},
    )
