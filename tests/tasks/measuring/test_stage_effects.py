"""The ledger of the effect of each stage, on entries that a person can compare."""

from __future__ import annotations

from featherline.tasks.contracts.measurement import StageEntry
from featherline.tasks.measuring.stage_effects import effect_of, savings_table

BASE = StageEntry(
    stage="float baseline",
    size_bytes=1000,
    gzip_bytes=900,
    zstd_bytes=900,
    entropy_bytes=850,
    sparsity=0.0,
    distinct_weights=250,
    parameters=250,
    macs=10_000,
    latency_ms_p50=1.0,
)


def entry(**changes: object) -> StageEntry:
    """Return the baseline with some changes."""
    return BASE.model_copy(update=changes)


def test_a_sparse_stage_buys_its_download_alone() -> None:
    """80 per cent zeros at the same file, MACs and time are a smaller download, and the text says that no time fell."""
    sparse = entry(sparsity=0.8, gzip_bytes=300, zstd_bytes=270, latency_ms_p50=0.97)

    assert effect_of(BASE, sparse) == "nothing on the device; download -70%; its zeros save no time"


def test_a_pruned_stage_buys_on_the_device() -> None:
    """Half the channels are half the file, the MACs and the time."""
    pruned = entry(size_bytes=500, zstd_bytes=450, macs=5000, latency_ms_p50=0.5)

    assert effect_of(BASE, pruned) == "file -50%, MACs -50%, latency -50%; download -50%"


def test_a_slower_file_is_called_slower() -> None:
    """What a stage costs is said like what it buys."""
    assert effect_of(BASE, entry(size_bytes=250, zstd_bytes=240, latency_ms_p50=4.0)) == (
        "file -75%, latency +300%; download -73%"
    )


def test_noise_buys_nothing() -> None:
    """A median that moved by a tenth, and sizes by a twentieth, are no change."""
    assert effect_of(BASE, entry(size_bytes=950, zstd_bytes=855, latency_ms_p50=0.9)) == "nothing on the device"


def test_the_table_compares_each_stage_with_the_one_before() -> None:
    """The last row is against the row above it, not against the baseline."""
    rows = savings_table([BASE, entry(stage="prune", size_bytes=500), entry(stage="export int8", size_bytes=125)])

    lines = rows.splitlines()
    assert lines[1].split()[:2] == ["stage", "file"]
    assert lines[3].endswith("file -50%")
    assert lines[4].startswith("  export int8")
    assert lines[4].endswith("file -75%")
