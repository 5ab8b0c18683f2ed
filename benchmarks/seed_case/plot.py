"""The benchmark as a drawing: what each tool lost of the accuracy for the bytes and for the time that it saved."""

from __future__ import annotations

from collections.abc import Container, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")

import matplotlib.pyplot as plt
from matplotlib.ticker import LogLocator, NullLocator

OURS, THEIRS = "#c2410c", "#475569"
WORDS = {"textcoords": "offset points", "fontsize": 7}
LINE = 0.24
"""Of accuracy, in points: what a name takes of the height of the drawing."""
NEAR = 2.0
"""Names of points whose places differ by less than this factor would lie on one another."""


def plot(rows: Sequence[dict[str, Any]], ours: Container[str], path: Path) -> None:
    """Write an SVG of accuracy against size and against latency, each with its interval; `ours` are names of rows."""
    mpl.rcParams["svg.hashsalt"] = "featherline"  # equal results give equal bytes
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.5), sharey=True)
    sides = (("raw_bytes", 1e3, "file, kB"), ("latency_ms_p50", 1, "latency, ms (p50, one thread)"))
    for axis, (column, unit, label) in zip(axes, sides, strict=True):
        heights = _heights([(row["name"], row[column], 100 * row["accuracy"]) for row in rows])
        for row in rows:
            low, high = row["accuracy"] - row["accuracy_low"], row["accuracy_high"] - row["accuracy"]
            color = OURS if row["name"] in ours else THEIRS
            spot = row[column] / unit, 100 * row["accuracy"]
            axis.errorbar(*spot, yerr=[[100 * low], [100 * high]], fmt="o", color=color, capsize=2)
            beside = spot[0], heights[row["name"]]
            axis.annotate(row["name"], beside, xytext=(6, -2), **WORDS, color=color)
        axis.set(xscale="log", xlabel=label)
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter("{x:g}")
        axis.xaxis.set_minor_locator(NullLocator())
        axis.margins(x=0.2)
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("test accuracy, % (95 % interval)")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _heights(spots: list[tuple[str, float, float]]) -> dict[str, float]:
    """Return the height of each name: that of its point, or under the names above it where they are in its way."""
    heights: dict[str, float] = {}
    places = {name: place for name, place, _ in spots}
    for name, place, accuracy in sorted(spots, key=lambda spot: -spot[2]):
        near = [heights[other] for other in heights if max(place, places[other]) < NEAR * min(place, places[other])]
        height = accuracy
        while blocking := [other for other in near if abs(other - height) < LINE - 1e-9]:
            height = min(blocking) - LINE
        heights[name] = height
    return heights
