"""The benchmark's rows as the README shows them, between two markers that stay where they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

BEGIN, END = "<!-- rows of benchmarks/results/cifar10-resnet20.json -->", "<!-- end of the rows -->"

TITLES = {
    "float": "float",
    "converter-int8": "TFLiteConverter, int8",
    "quantizer-static-int8": "litert-quantizer, static int8",
    "quantizer-dynamic-int8": "litert-quantizer, dynamic int8",
    "tfmot-pruned80-int8": "TFMOT, 80 % zeros, int8",
    "tfmot-qat-int8": "TFMOT, trained for int8",
    "featherline-10x": "**Featherline, 10x**",
    "featherline-12x": "**Featherline, 12x**",
    "featherline-25x": "**Featherline, 25x**, int4 weights",
    "further-int8": "the given model trained further, int8",
    "scratch-resnet8": "ResNet-8 from scratch, int8",
}
HEAD = ("", "accuracy (95 % interval)", "bytes", "zstd", "MACs", "peak RAM", "p50 ms", "speed", "made in")
MINUTE = 60


def table(results: dict[str, Any]) -> str:
    """Return the rows as a table in Markdown, the float file first."""
    lines = [HEAD, ("---",) * len(HEAD), *(_cells(row) for row in (results["baseline"], *results["rows"]))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def put_into(readme: Path, results: dict[str, Any]) -> None:
    """Write the table between the markers of a text."""
    before, _, rest = readme.read_text().partition(BEGIN)
    readme.write_text(f"{before}{BEGIN}\n{table(results)}\n{END}{rest.partition(END)[2]}")


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    accuracy, low, high = (f"{100 * row[key]:.2f}" for key in ("accuracy", "accuracy_low", "accuracy_high"))
    return (
        TITLES[row["name"]],
        f"{accuracy} ({low} to {high})",
        f"{row['raw_bytes']:,}",
        f"{row['zstd_bytes']:,}",
        f"{row['macs'] / 1e6:.1f} M",
        f"{row['peak_ram_bytes']:,}",
        f"{row['latency_ms_p50']:.3f}",
        "" if row["speedup"] is None else f"{row['speedup']:.2f}",
        "" if not row["wall_s"] else _time(row["wall_s"]),
    )


def _time(seconds: float) -> str:
    return f"{seconds / MINUTE:.0f} min" if seconds >= 2 * MINUTE else f"{seconds:.0f} s"
