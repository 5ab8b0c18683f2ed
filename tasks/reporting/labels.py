"""Names beside points without covering each other: each takes the first free place around its point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from featherline.tasks.contracts.safe_text import plot_text

PLACES = ((7, 5, "left"), (7, -12, "left"), (-7, 5, "right"), (-7, -12, "right"), (0, 12, "center"), (0, -19, "center"))
"""Offsets of a label from its point, in points of type, in the order of preference."""

GLYPH = 5.0
"""Width of a letter at 8.5 points, about."""

HEIGHT = 10.0
Box = tuple[float, float, float, float]
"""(left, bottom, right, top), in points."""


def label_points(axes: Any, points: Sequence[tuple[float, float, str, str]]) -> None:  # noqa: ANN401 - matplotlib's own
    """Write names beside points.

    Args:
        axes: With its limits and scales set.
        points: (x, y, name, colour), the most important first; a name that finds no free place is left out.
    """
    scale = 72 / axes.figure.dpi
    frame = axes.get_window_extent()
    left, bottom, right, top = (edge * scale for edge in frame.extents)
    spots = [tuple(scale * value for value in axes.transData.transform((x, y))) for x, y, _, _ in points]
    taken: list[Box] = [(x - 5, y - 5, x + 5, y + 5) for x, y in spots]
    for (x, y), (at_x, at_y, name, colour) in zip(spots, points, strict=True):
        for dx, dy, side in PLACES:
            width = GLYPH * len(name)
            start = x + dx - {"left": 0, "right": width, "center": width / 2}[side]
            box = (start, y + dy, start + width, y + dy + HEIGHT)
            inside = box[0] >= left and box[1] >= bottom - 4 and box[2] <= right + 4 and box[3] <= top + 6
            if inside and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                axes.annotate(
                    plot_text(name),
                    (at_x, at_y),
                    (dx, dy),
                    textcoords="offset points",
                    ha=side,
                    fontsize=8.5,
                    color=colour,
                )
                break


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
