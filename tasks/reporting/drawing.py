"""Figures as inline SVG: text stays text, and every colour is the page's own, so that light and dark both read well.

Figure ──► svg ──► <svg> with var(--ink), var(--accent), … in place of stand-in colours
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from featherline.tasks.contracts.safe_text import visible

STAND_INS = {
    "ink": "#010101",
    "soft": "#020202",
    "line": "#030303",
    "card": "#040404",
    "accent": "#050505",
    "good": "#060606",
    "bad": "#070707",
    "mute": "#080808",
    "second": "#090909",
}
"""Colours that no figure has; each becomes the CSS variable of its name."""

STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "featherline",
    "font.size": 9,
    "axes.edgecolor": STAND_INS["line"],
    "axes.labelcolor": STAND_INS["soft"],
    "axes.titlecolor": STAND_INS["ink"],
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.axisbelow": True,
    "figure.facecolor": "none",
    "grid.color": STAND_INS["line"],
    "grid.linewidth": 0.6,
    "text.color": STAND_INS["ink"],
    "xtick.color": STAND_INS["line"],
    "ytick.color": STAND_INS["line"],
    "xtick.labelcolor": STAND_INS["soft"],
    "ytick.labelcolor": STAND_INS["soft"],
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.8,
}


@contextmanager
def figure(width: float = 4.6, height: float = 3.3) -> Iterator[Figure]:
    """Give a figure in the page's style, inches wide and high. At 4.6 inches its words are readable on a phone, too."""
    with mpl.rc_context(STYLE):
        drawn = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(drawn)
        yield drawn


def inline(drawn: Figure, label: str) -> Markup:
    """Return a figure as SVG to put into HTML, with `label` for those who cannot see it. Equal figures, equal bytes."""
    buffer = io.StringIO()
    with mpl.rc_context(STYLE):
        drawn.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r' id="[A-Za-z.]+[\d.]*_\d+"', "", svg)
    svg = re.sub(r'font: (?:bold )?([\d.]+px)[^;"]*', _font, svg)
    svg = re.sub(r'width="([\d.]+)pt" height="([\d.]+)pt"', 'width="100%"', svg, count=1)
    for name, colour in STAND_INS.items():
        svg = svg.replace(colour, f"var(--{name})")
    label = Markup.escape(visible(label, None))
    return Markup(svg.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1))  # noqa: S704 - our own drawing, its texts escaped by matplotlib


def _font(match: re.Match[str]) -> str:
    weight = "600 " if "bold" in match[0] else ""
    return f"font: {weight}{match[1]} system-ui, sans-serif"
