"""The effect of each step of a lane: a line while they run, a table of the files once the lane is measured.

prune channel: parameters 274,442 -> 137,402 (-49.9 %), MACs 40.8 M -> 20.3 M (-50.3 %), zeros 0.0 % -> 0.0 %, …

Zeros and clusters make a smaller download and nothing else: no runtime used here is faster on them, and the file on the
device keeps its size. The table says so of every stage, from what was measured of its file.
"""

from __future__ import annotations

from collections.abc import Sequence

from featherline.tasks.contracts.measurement import StageEntry
from featherline.tasks.contracts.model import Model
from featherline.tasks.contracts.quality import QualityMetric

NOTICEABLE = 0.05
"""A change of size or MACs by less than this fraction is no effect."""

NOTICEABLE_TIME = 0.10
"""The same of a median time, which moves by some percent on its own."""


def savings(
    stage: str, before: Model, after: Model, metric: QualityMetric, *, zeros_before: float, zeros_after: float
) -> str:
    """Return parameters, MACs, zeros among the weights and validation quality before and after a step.

    Args:
        stage: What was done.
        before: The model that the step was given.
        after: The model that it gives.
        metric: Of their quality.
        zeros_before: Fraction of zeros among the weights that pruning may touch.
        zeros_after: The same of the result.
    """
    return (
        f"{stage}: parameters {before.parameters:,} -> {after.parameters:,}"
        f" ({_change(before.parameters, after.parameters)}),"
        f" MACs {before.macs:,} -> {after.macs:,} ({_change(before.macs, after.macs)}),"
        f" zeros {zeros_before:.1%} -> {zeros_after:.1%},"
        f" validation {metric.name} {metric.text(before.validation_quality)} -> {metric.text(after.validation_quality)}"
    )


def effect_of(before: StageEntry, after: StageEntry) -> str:
    """Return in words what a stage changed against the file before it, and what it did not."""
    gains = {
        "file": _share(before.size_bytes, after.size_bytes),
        "MACs": _share(before.macs, after.macs),
        "latency": _share(before.latency_ms_p50, after.latency_ms_p50),
    }
    limits = {"file": NOTICEABLE, "MACs": NOTICEABLE, "latency": NOTICEABLE_TIME}
    device = [f"{name} {gain:+.0%}" for name, gain in gains.items() if abs(gain) > limits[name]]
    download = _share(before.zstd_bytes, after.zstd_bytes)
    words = [", ".join(device) or "nothing on the device"]
    if abs(download) > NOTICEABLE:
        words.append(f"download {download:+.0%}")
    if after.sparsity - before.sparsity > NOTICEABLE:
        words.append("its zeros save no time" if gains["latency"] >= -NOTICEABLE_TIME else "")
    return "; ".join(word for word in words if word)


def savings_table(ledger: Sequence[StageEntry]) -> str:
    """Return the table as aligned lines, each stage with its effect against the one before."""
    head = ("stage", "file", "gzip", "zstd", "entropy", "zeros", "distinct", "MACs", "p50 ms", "effect")
    rows = [head]
    for before, entry in zip([None, *ledger], ledger, strict=False):
        rows.append(
            (
                entry.stage,
                f"{entry.size_bytes:,}",
                f"{entry.gzip_bytes:,}",
                f"{entry.zstd_bytes:,}",
                f"{entry.entropy_bytes:,}",
                f"{entry.sparsity:.1%}",
                f"{entry.distinct_weights:,}",
                f"{entry.macs:,}",
                f"{entry.latency_ms_p50:.4f}",
                "" if before is None else effect_of(before, entry),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(head) - 1)]
    lines = []
    for row in rows:
        cells = [
            row[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(row[1:-1], widths[1:], strict=True)),
        ]
        lines.append("  ".join([*cells, row[-1]]).rstrip())
    return "\n".join(["evaluate: the effect of each stage", *(f"  {line}" for line in lines)])


def _share(before: float, after: float) -> float:
    return (after - before) / before if before else 0.0


def _change(before: int, after: int) -> str:
    return f"{(after - before) / before:+.1%}"
