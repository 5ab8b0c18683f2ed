"""A run's outcome as a person reads it: the table of candidates, the winner, where everything lies."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from featherline.summary import CandidateSummary, Summary


def tell(summary: Summary, folder: Path, console: Console) -> None:
    """Print the table of candidates, the winner, and where everything lies."""
    console.print()
    if summary.baseline is not None:
        console.print(_table(summary))
    hits = f"{summary.hits} hits, {summary.misses} misses"
    console.print(f"{summary.run_id}: {summary.state}, {summary.seconds:.0f} s, {hits}", highlight=False)
    if summary.headline:
        console.print(summary.headline, style="bold", highlight=False, soft_wrap=True, markup=False)
    lines = {
        "winner": _winner(summary),
        "release": summary.release_uri,
        "registry": summary.registry
        and f"{summary.registry.name} {summary.registry.version} @{summary.registry.alias}",
        "report": summary.report,
        "summary": str(folder / "summary.json"),
    }
    for name, value in lines.items():
        if value:
            console.print(f"  {name:<9} {value}", highlight=False, soft_wrap=True)


def _winner(summary: Summary) -> str | None:
    won = next((one for one in summary.candidates if one.name == summary.selected), None)
    if won is None or summary.baseline is None or not won.size_bytes or won.accuracy is None:
        return summary.selected
    times = summary.baseline.size_bytes / won.size_bytes
    points = 100 * (won.accuracy - summary.baseline.accuracy)
    return f"{won.name}: {times:.1f} times smaller than the float model, {points:+.2f} points of accuracy"


def _table(summary: Summary) -> Table:
    right = ("accuracy %", "interval %", "bytes", "gzip", "MACs", "RAM", "p50 ms")
    table = Table("candidate", box=None, padding=(0, 2, 0, 0))
    for name in right:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("reason")
    if summary.baseline is not None:
        figures = (_percent(summary.baseline.accuracy), "", f"{summary.baseline.size_bytes:,}", "")
        table.add_row("float baseline", *figures, f"{summary.baseline.macs:,}", "", "", "", "", style="dim")
    for one in summary.candidates:
        style = "bold green" if one.name == summary.selected else "" if one.verdict == "pass" else "dim"
        table.add_row(one.name, *_figures(one), one.verdict, one.reason, style=style)
    return table


def _figures(one: CandidateSummary) -> tuple[str, ...]:
    interval = "" if one.accuracy_low is None else f"{_percent(one.accuracy_low)}-{_percent(one.accuracy_high)}"
    numbers = [f"{value:,}" if value is not None else "" for value in (one.size_bytes, one.gzip_bytes, one.macs)]
    ram = f"{one.peak_ram_bytes:,}" if one.peak_ram_bytes is not None else ""
    latency = f"{one.latency_ms_p50:.3f}" if one.latency_ms_p50 is not None else ""
    return (_percent(one.accuracy), interval, *numbers, ram, latency)


def _percent(fraction: float | None) -> str:
    return "" if fraction is None else f"{100 * fraction:.2f}"
