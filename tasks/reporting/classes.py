"""What became of each class: how well it is found, what that lost or gained, and what is mistaken for what."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from featherline.tasks.contracts.problems.classification import ClassificationDetails
from featherline.tasks.contracts.quality import Quality
from featherline.tasks.contracts.safe_text import plot_text, visible
from featherline.tasks.contracts.words import points
from featherline.tasks.reporting.drawing import STAND_INS, figure, inline
from featherline.tasks.reporting.facts import Facts

MOST_BARS = 24
"""Classes with a bar of their own; of more, those that changed most."""

MOST_NUMBERS = 12
"""Classes up to which a confusion matrix has its counts written in."""

HIT, MISS = (0.23, 0.47, 0.70), (0.85, 0.33, 0.25)
"""Colours of right and wrong, laid over the page with their own transparency, so that they suit light and dark."""


class Mistake(NamedTuple):
    """Images of one class taken for another."""

    truth: str
    taken_for: str
    winner: int
    baseline: int


class ClassFigures(NamedTuple):
    """How well one class is found; None where the test split cannot tell."""

    name: str
    precision: float | None
    """Of what was taken for it."""
    recall: float | None
    """Of what is of it."""
    f1: float | None
    baseline: float | None
    """The quality of the class's slice, of the float baseline."""
    samples: int


def figures_of_classes(facts: Facts) -> tuple[ClassFigures, ...]:
    """Return precision, recall and F1 of each class of the winner, from its confusion matrix; none without one."""
    if facts.details is None:
        return ()
    matrix = np.array(facts.details.confusion)
    right, true, predicted = matrix.diagonal(), matrix.sum(axis=1), matrix.sum(axis=0)
    return tuple(
        ClassFigures(
            name=name,
            precision=_share(right[place], predicted[place]),
            recall=_share(right[place], true[place]),
            f1=_share(2 * right[place], true[place] + predicted[place]) if true[place] else None,
            baseline=before.quality,
            samples=int(true[place]),
        )
        for place, (name, before) in enumerate(zip(facts.dataset.vocabulary, facts.baseline.slices, strict=True))
    )


def _share(part: int, whole: int) -> float | None:
    return float(part / whole) if whole else None


def recall_changes(facts: Facts) -> Markup:
    """Draw the recall, or F1, that the winner gained or lost in each class against the float baseline."""
    changes = [
        (after.name, after.quality - before.quality)
        for before, after in zip(facts.baseline.slices, facts.measured.slices, strict=True)
        if before.quality is not None and after.quality is not None
    ]
    shown = changes
    if len(changes) > MOST_BARS:
        shown = sorted(sorted(changes, key=lambda item: -abs(item[1]))[:MOST_BARS], key=lambda item: item[1])
    amount = points if facts.metric.unit == "share" else "{:+.3g}".format
    with figure(height=max(1.2 + 0.19 * len(shown), 2.4)) as sheet:
        axes = sheet.subplots()
        amounts = [change for _, change in shown]
        colours = [STAND_INS["bad"] if facts.metric.reward(change) < 0 else STAND_INS["good"] for change in amounts]
        axes.barh(range(len(shown)), amounts, color=colours, height=0.62)
        for row, change in enumerate(amounts):
            side = "right" if change < 0 else "left"
            axes.annotate(
                amount(change),
                (change, row),
                (-4 if change < 0 else 4, 0),
                textcoords="offset points",
                ha=side,
                va="center",
                fontsize=8,
                color=STAND_INS["soft"],
            )
        axes.axvline(0, color=STAND_INS["soft"], linewidth=0.8)
        axes.set_yticks(range(len(shown)), [_short(name) for name, _ in shown], color=STAND_INS["ink"])
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        reach = max((abs(change) for change in amounts), default=0) or 0.01
        axes.set_xlim(-1.35 * reach, 1.35 * reach)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: amount(value)))
        axes.set_xlabel(
            f"{facts.problem.words.slice_quality} of the {facts.who} minus that of the float baseline, "
            f"in {'points' if facts.metric.unit == 'share' else facts.metric.unit}"
        )
        return inline(sheet, f"Change of {facts.problem.words.slice_quality} by {facts.problem.words.slice}")


def confusions(facts: Facts) -> tuple[Markup, Markup] | None:
    """Draw the confusion matrices of the winner and of the float baseline; None where there are none."""
    if facts.details is None or facts.baseline_details is None:
        return None
    names = facts.dataset.vocabulary
    return (
        _matrix(facts.details, facts.measured.quality, names, facts.who),
        _matrix(facts.baseline_details, facts.baseline.quality, names, "float baseline"),
    )


def mistakes(facts: Facts, most: int = 8) -> tuple[Mistake, ...]:
    """Return what the winner mistakes most often, most first; of equals the first class first."""
    if facts.details is None or facts.baseline_details is None:
        return ()
    winner, baseline = np.array(facts.details.confusion), np.array(facts.baseline_details.confusion)
    wrong = winner * ~np.eye(len(winner), dtype=bool)
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    pairs = [(int(place // len(winner)), int(place % len(winner))) for place in order]
    names = facts.dataset.vocabulary
    return tuple(
        Mistake(names[row], names[column], int(winner[row, column]), int(baseline[row, column]))
        for row, column in pairs
        if wrong[row, column]
    )


def _matrix(details: ClassificationDetails, quality: Quality, names: tuple[str, ...], whose: str) -> Markup:
    counts = np.array(details.confusion)
    with figure(height=4.4) as sheet:
        axes = sheet.subplots()
        axes.imshow(_paint(counts), interpolation="nearest")
        axes.grid(visible=False)
        for spine in axes.spines.values():
            spine.set_visible(False)
        if len(names) <= MOST_NUMBERS:
            _write(axes, counts)
        step = max(1, -(-len(names) // MOST_BARS))
        ticks = range(0, len(names), step)
        short = [_short(names[tick]) for tick in ticks]
        axes.set_yticks(ticks, short)
        axes.set_xticks(ticks, short, rotation=90 if max(map(len, short)) > 2 else 0)  # noqa: PLR2004 - digits stand upright
        axes.tick_params(length=0)
        axes.set(xlabel="predicted", ylabel="true")
        return inline(sheet, f"Confusion matrix of the {whose}: {quality} of the images on the diagonal")


def _paint(counts: NDArray[Any]) -> NDArray[np.float32]:
    """Return (n, n, 4): blue on the diagonal and red off it, as dense as the share of its row (errors: its root)."""
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    picture = np.zeros((*counts.shape, 4), np.float32)
    diagonal = np.eye(len(counts), dtype=bool)
    picture[diagonal, :3], picture[~diagonal, :3] = HIT, MISS
    picture[..., 3] = np.where(diagonal, 0.12 + 0.5 * share, (share > 0) * (0.15 + 0.85 * np.sqrt(share)))
    return picture


def _write(axes: Any, counts: NDArray[Any]) -> None:  # noqa: ANN401 - matplotlib's own
    for row, column in zip(*np.nonzero(counts), strict=True):
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", fontsize=7.5)


def _short(name: str) -> str:
    seen = visible(name)
    return plot_text(seen if len(seen) <= 14 else f"{seen[:13]}…")  # noqa: PLR2004 - what fits beside a matrix
