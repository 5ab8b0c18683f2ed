"""What a person decides on who is asked whether the challenger becomes champion: one table, in Markdown.

facts ──► float baseline, champion, challenger, all measured on the test split
"""

from __future__ import annotations

from featherline.tasks.contracts import words
from featherline.tasks.contracts.measurement import Measurement
from featherline.tasks.contracts.safe_text import LONGEST_LINE_SHOWN, markdown_text
from featherline.tasks.reporting.facts import Facts


def render_brief(facts: Facts) -> str:
    """Return the table and a sentence for each comparison. Without a champion it says so."""
    lines = [
        f"Not proven by {facts.samples} test images: {markdown_text(doubt, LONGEST_LINE_SHOWN)}\n"
        for doubt in facts.doubts
    ]
    lines += [
        "| | accuracy, with its interval | file | latency p50 | MACs | peak RAM |",
        "|---|---|---|---|---|---|",
        _row("float baseline", facts.baseline),
    ]
    champion = facts.champion
    if champion is not None:
        who = f"champion, version {champion.champion.version}"
        unknown = f"| {markdown_text(who)} | unknown | | | | |"
        lines.append(_row(who, champion.measurement) if champion.measurement else unknown)
    lines += [_row(f"challenger, {facts.winner.name}", facts.measured), ""]
    lines.append(f"Accuracy lost against the float baseline: {facts.winner.drop}.")
    lines.append("")
    lines.append(
        f"Accuracy lost against the champion: {champion.drop}." if champion else "There is no champion to compare with."
    )
    return "\n".join(lines)


def _row(who: str, one: Measurement) -> str:
    interval = f"{one.quality.metric.text(one.quality.low)} to {one.quality.metric.text(one.quality.high)}"
    cells = (
        f"{one.quality} ({interval})",
        words.size(one.size_bytes),
        words.milliseconds(one.latency_ms.p50),
        words.count(one.macs),
        words.size(one.peak_ram_bytes),
    )
    return f"| {markdown_text(who)} | {' | '.join(cells)} |"
