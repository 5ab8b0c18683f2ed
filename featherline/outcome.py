"""A run's outcome as a person reads it: the table of candidates, the winner, where everything lies."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from featherline.summary import CandidateSummary, Summary
from featherline.tasks.contracts.quality import SHARE, QualityMetric


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
    if won is None or summary.baseline is None or not won.size_bytes or won.quality is None:
        return summary.selected
    times = summary.baseline.size_bytes / won.size_bytes
    metric = summary.baseline.metric
    change = won.quality - summary.baseline.quality
    moved = f"{100 * change:+.2f} points of" if metric.unit == "share" else f"{change:+.4g} {metric.unit} of"
    return f"{won.name}: {times:.1f} times smaller than the float model, {moved} {metric.name}"


def _table(summary: Summary) -> Table:
    metric = SHARE if summary.baseline is None else summary.baseline.metric
    unit = "%" if metric.unit == "share" else metric.unit
    right = (f"{metric.name} {unit}", f"interval {unit}", "bytes", "gzip", "MACs", "RAM", "p50 ms")
    table = Table("candidate", box=None, padding=(0, 2, 0, 0))
    for name in right:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("reason")
    if summary.baseline is not None:
        figures = (_number(summary.baseline.quality, metric), "", f"{summary.baseline.size_bytes:,}", "")
        table.add_row("float baseline", *figures, f"{summary.baseline.macs:,}", "", "", "", "", style="dim")
    for one in summary.candidates:
        style = "bold green" if one.name == summary.selected else "" if one.verdict == "pass" else "dim"
        table.add_row(one.name, *_figures(one, metric), one.verdict, one.reason, style=style)
    return table


def _figures(one: CandidateSummary, metric: QualityMetric) -> tuple[str, ...]:
    ends = [_number(end, metric) for end in (one.quality_low, one.quality_high)]
    interval = "" if one.quality_low is None else "-".join(ends)
    numbers = [f"{value:,}" if value is not None else "" for value in (one.size_bytes, one.gzip_bytes, one.macs)]
    ram = f"{one.peak_ram_bytes:,}" if one.peak_ram_bytes is not None else ""
    latency = f"{one.latency_ms_p50:.3f}" if one.latency_ms_p50 is not None else ""
    return (_number(one.quality, metric), interval, *numbers, ram, latency)


def _number(value: float | None, metric: QualityMetric) -> str:
    if value is None:
        return ""
    return f"{100 * value:.2f}" if metric.unit == "share" else f"{value:.4g}"
