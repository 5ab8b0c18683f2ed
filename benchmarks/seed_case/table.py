"""The benchmark's rows as the README shows them, between two markers that stay where they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.seed_case.rows import ROWS

BEGIN, END = "<!-- rows of benchmarks/results/seed-case.json -->", "<!-- end of the rows -->"
FLOATS = {"wide": "**ResNet-20 of width 60**, float, as given", "narrow": "**ResNet-20 of width 16**, float, as given"}
HEAD = ("", "accuracy (95 % interval)", "lost", "bytes", "smaller", "GFLOPs", "peak RAM", "p50 ms", "speed", "epochs")
SEEDS_HEAD = "seeds"
MINUTE = 60


def table(results: dict[str, Any]) -> str:
    """Return the rows as a table in Markdown, each float file before what was made of it."""
    head = (*HEAD, SEEDS_HEAD, "made in")
    lines = [head, ("---",) * len(head)]
    for float_row in results["baselines"]:
        lines.append(_cells(float_row, float_row))
        lines += [_cells(row, float_row) for row in results["rows"] if row["compared_with"] == float_row["name"]]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def put_into(readme: Path, results: dict[str, Any]) -> None:
    """Write the table between the markers of a text."""
    before, _, rest = readme.read_text().partition(BEGIN)
    readme.write_text(f"{before}{BEGIN}\n{table(results)}\n{END}{rest.partition(END)[2]}")


def _cells(row: dict[str, Any], float_row: dict[str, Any]) -> tuple[str, ...]:
    accuracy, low, high = (f"{100 * row[key]:.2f}" for key in ("accuracy", "accuracy_low", "accuracy_high"))
    own = row is float_row
    return (
        FLOATS[row["name"]] if own else ROWS[row["name"]].title,
        f"{accuracy} ({low} to {high})",
        "" if own else f"{100 * (float_row['accuracy'] - row['accuracy']):.2f}",
        f"{row['raw_bytes']:,}",
        "" if own else f"{float_row['raw_bytes'] / row['raw_bytes']:.1f}x",
        f"{row['gflops']:.3f}",
        f"{row['peak_ram_bytes']:,}",
        f"{row['latency_ms_p50']:.3f}",
        "" if own else f"{row['speedup']:.2f}",
        "" if own else f"{row['epochs']}",
        "" if own else _seeds(row),
        "" if own else _time(row["wall_s"]),
    )


def _seeds(row: dict[str, Any]) -> str:
    """Return how many seeds there were, and the accuracy with each where they were several."""
    if len(row["seeds"]) == 1:
        return "1"
    return f"{len(row['seeds'])}: {', '.join(f'{100 * value:.2f}' for value in row['accuracies'])}"


def _time(seconds: float) -> str:
    return f"{seconds / MINUTE:.0f} min" if seconds >= 2 * MINUTE else f"{seconds:.0f} s"
