"""Accuracy against what it costs: every file with its interval, and the Pareto front through those that passed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, PercentFormatter

from featherline.tasks.contracts.measurement import Measurement
from featherline.tasks.contracts.words import milliseconds, size
from featherline.tasks.reporting.drawing import STAND_INS, figure, inline
from featherline.tasks.reporting.facts import Facts
from featherline.tasks.reporting.labels import label_points
from featherline.tasks.statistics.pareto import on_front

WIDE = 4.0
"""From this ratio of the largest to the smallest the axis is logarithmic."""

MOST_TICKS = 3
"""Intervals of an axis that is not: numbers of close costs are long, such as `0.00165 ms`."""


def against_size(facts: Facts) -> Markup:
    """Draw quality against the raw bytes of the file."""
    return _draw(facts, lambda measured: (measured.size_bytes, None), "raw file size", size)


def against_latency(facts: Facts) -> Markup:
    """Draw quality against the median latency, with a whisker to the 90th percentile."""
    return _draw(
        facts,
        lambda measured: (measured.latency_ms.p50, measured.latency_ms.p90),
        "latency p50, whisker to p90",
        milliseconds,
    )


def _draw(
    facts: Facts,
    cost: Callable[[Measurement], tuple[float, float | None]],
    words: str,
    form: Callable[[float], str],
) -> Markup:
    drawn = [(lane.name, lane.measurement, lane.ranked.verdict == "pass") for lane in facts.lanes if lane.measurement]
    with figure() as sheet:
        axes = sheet.subplots()
        labels = []
        files = [(name, measured, _colour(name, facts, passed=passed)) for name, measured, passed in drawn]
        files.append(("float baseline", facts.baseline, STAND_INS["soft"]))
        for name, measured, colour in files:
            x, far = cost(measured)
            quality = measured.quality
            y = quality.value
            marker = "D" if name == "float baseline" else "o" if colour != STAND_INS["bad"] else "X"
            axes.errorbar(
                x,
                y,
                yerr=[[max(y - quality.low, 0.0)], [max(quality.high - y, 0.0)]],
                xerr=None if far is None else [[0.0], [max(far - x, 0.0)]],
                color=colour,
                marker=marker,
                markersize=9 if name == facts.winner.name else 6,
                linewidth=0,
                elinewidth=1,
                capsize=2,
                zorder=3,
            )
            labels.append((x, y, name, colour))
        _front(axes, [measured for _, measured, passed in drawn if passed], lambda measured: cost(measured)[0])
        _axis(axes, [label[0] for label in labels], form)
        axes.set(
            xlabel=f"{words}  (left is better)",
            ylabel=f"{facts.metric.name} ({'up' if facts.metric.higher_is_better else 'down'} is better)",
        )
        if facts.metric.unit == "share":
            axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=1))
        sheet.canvas.draw()
        labels.sort(key=lambda label: (label[2] != facts.winner.name, label[2] != "float baseline"))
        label_points(axes, labels)
        about = f"the {facts.who} is {facts.winner.name}"
        return inline(sheet, f"{facts.metric.name.capitalize()} against {words} of {len(files)} files; {about}")


def _colour(name: str, facts: Facts, *, passed: bool) -> str:
    if name == facts.winner.name and not facts.nothing:
        return STAND_INS["good"]
    return STAND_INS["accent"] if passed else STAND_INS["bad"]


def _front(axes: Any, passed: list[Measurement], cost: Callable[[Measurement], float]) -> None:  # noqa: ANN401 - matplotlib's own
    """Draw the front of this picture's two quantities as steps; where nobody passed there is none."""
    if not passed:
        return
    costs = np.array([[cost(measured), -measured.quality.reward] for measured in passed])
    sign = 1 if passed[0].quality.metric.higher_is_better else -1
    front = sorted((cost, -sign * lost) for cost, lost in costs[on_front(costs)])
    axes.step(*zip(*front, strict=True), where="post", color=STAND_INS["mute"], linestyle="--", linewidth=1.2, zorder=1)


def _axis(axes: Any, values: list[float], form: Callable[[float], str]) -> None:  # noqa: ANN401 - matplotlib's own
    """Leave room for names, and write the ticks in units."""
    if max(values) / min(values) > WIDE:
        axes.set_xscale("log")
        axes.set_xlim(min(values) / 1.6, max(values) * 1.9)
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=12))
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        room = (max(values) - min(values)) or max(values)
        axes.set_xlim(max(min(values) - 0.25 * room, 0), max(values) + 0.3 * room)
        axes.xaxis.set_major_locator(MaxNLocator(MOST_TICKS))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: form(value)))
    axes.margins(y=0.12)
