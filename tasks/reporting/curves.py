"""How it was trained and searched: curves of every stage, and the trials of the search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from tasks.candidates.front import on_front
from tasks.contracts.model import TrainingHistory
from tasks.contracts.trials import Trials
from tasks.reporting.drawing import STAND_INS, figure, inline
from tasks.reporting.words import count


def training(histories: Sequence[TrainingHistory], whose: str) -> tuple[Markup, Markup] | None:
    """Draw loss and accuracy over the epochs of all stages one after another; None where nothing was trained."""
    trained = [history for history in histories if history.loss]
    if not trained:
        return None
    return _curve(trained, whose, "loss", "validation_loss"), _curve(trained, whose, "accuracy", "validation_accuracy")


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
        axes.set(xlabel="epoch", ylabel=train)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if train == "accuracy":
            axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.legend()
        return inline(sheet, f"Training of the {whose}, {train}: {' → '.join(history.stage for history in trained)}")


def search(trials: Trials) -> Markup | None:
    """Draw the trials' accuracy against their MACs, with the front; None where no trial was completed."""
    done = [(trial.macs, trial.accuracy) for trial in trials.trials if trial.accuracy is not None]
    if not done:
        return None
    costs = np.array([[macs, -accuracy] for macs, accuracy in done])
    front = on_front(costs)
    with figure() as sheet:
        axes = sheet.subplots()
        axes.scatter(costs[~front, 0], -costs[~front, 1], s=22, color=STAND_INS["mute"], label="trial")
        axes.scatter(costs[front, 0], -costs[front, 1], s=34, color=STAND_INS["accent"], label="on the front")
        edge = sorted(map(tuple, costs[front]))
        axes.step([x for x, _ in edge], [-y for _, y in edge], where="post", color=STAND_INS["accent"], linewidth=1)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: count(value)))
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.set(xlabel="MACs of the architecture", ylabel="validation accuracy")
        axes.legend(loc="lower right")
        return inline(sheet, f"{len(done)} trials of the search, {int(front.sum())} of them on the front")


def _dot(epochs: Any) -> dict[str, Any]:  # noqa: ANN401 - an array of any length
    """Return what shows a stage of one epoch, which is no line."""
    return {"marker": "o", "markersize": 4} if len(epochs) == 1 else {}
