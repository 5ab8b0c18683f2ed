"""How it was trained and searched: curves of every stage, and the trials of the search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from featherline.tasks.contracts.model import TrainingHistory
from featherline.tasks.contracts.quality import QualityMetric
from featherline.tasks.contracts.trials import Trials
from featherline.tasks.contracts.words import count, size
from featherline.tasks.reporting.drawing import STAND_INS, figure, inline
from featherline.tasks.statistics.pareto import pareto_ranks


def training(histories: Sequence[TrainingHistory], whose: str) -> tuple[Markup, Markup] | None:
    """Draw loss and quality over the epochs of all stages one after another; None where nothing was trained."""
    trained = [history for history in histories if history.loss]
    if not trained:
        return None
    return _curve(trained, whose, "loss", "validation_loss"), _curve(trained, whose, "quality", "validation_quality")


def _curve(trained: Sequence[TrainingHistory], whose: str, train: str, validation: str) -> Markup:
    with figure(height=2.9) as sheet:
        axes = sheet.subplots()
        start = 0
        for number, history in enumerate(trained):
            epochs = np.arange(start + 1, start + 1 + len(history.loss))
            for name, values, colour in (
                ("train", getattr(history, train), STAND_INS["mute"]),
                ("validation", getattr(history, validation), STAND_INS["accent"]),
            ):
                axes.plot(epochs, values, color=colour, label=None if number else name, **_dot(epochs))
            if number:
                axes.axvline(start + 0.5, color=STAND_INS["soft"], linewidth=0.7, linestyle=":")
            start += len(epochs)
        metric = trained[0].metric
        axes.set(xlabel="epoch", ylabel=_named(train, metric))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if train == "quality" and metric.unit == "share":
            axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.legend()
        return inline(
            sheet,
            f"Training of the {whose}, {_named(train, metric)}: {' → '.join(history.stage for history in trained)}",
        )


def search(trials: Trials) -> Markup | None:
    """Draw the trials' quality against what the search weighed it with, and the front that `choose` took from.

    None where no trial was completed.
    """
    points = [(trial.quality, trial.cost(trials.objective)) for trial in trials.trials if trial.quality is not None]
    if not points:
        return None
    ranks = pareto_ranks([(trials.metric.reward(quality), cost) for quality, cost in points])
    front = [point for point, rank in zip(points, ranks, strict=True) if rank == 0]
    behind = [point for point in points if point not in front]
    macs = trials.objective == "macs"
    with figure() as sheet:
        axes = sheet.subplots()
        for part, area, colour, name in ((behind, 22, "mute", "trial"), (front, 34, "accent", "on the front")):
            qualities, costs = [quality for quality, _ in part], [cost for _, cost in part]
            axes.scatter(costs, qualities, s=area, color=STAND_INS[colour], label=name)
        edge = sorted((cost, quality) for quality, cost in front)
        axes.step([x for x, _ in edge], [y for _, y in edge], where="post", color=STAND_INS["accent"], linewidth=1)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: count(value) if macs else size(value)))
        if trials.metric.unit == "share":
            axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        cost = "MACs of the architecture" if macs else "int8 file of the architecture, estimated"
        axes.set(xlabel=cost, ylabel=f"validation {trials.metric.name}")
        axes.legend(loc="lower right")
        return inline(sheet, f"{len(points)} trials of the search, {len(front)} of them on the front")


def _named(curve: str, metric: QualityMetric) -> str:
    """Return what a curve is called."""
    return metric.name if curve == "quality" else curve


def _dot(epochs: Any) -> dict[str, Any]:  # noqa: ANN401 - an array of any length
    """Return what shows a stage of one epoch, which is no line."""
    return {"marker": "o", "markersize": 4} if len(epochs) == 1 else {}
