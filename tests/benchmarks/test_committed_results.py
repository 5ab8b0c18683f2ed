"""What the README shows of the benchmark is what was measured, and of the files that lie beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.cifar10.__main__ import OURS, made
from benchmarks.cifar10.table import put_into, table
from benchmarks.seed_case.rival_rows import RIVALS

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"


@pytest.fixture
def results() -> dict[str, Any]:
    """Give the committed results."""
    found: dict[str, Any] = json.loads((RESULTS / "cifar10-resnet20.json").read_text())
    return found


def test_the_readme_shows_the_rows(results: dict[str, Any], tmp_path: Path) -> None:
    """Writing the table once more changes nothing."""
    readme = tmp_path / "README.md"
    readme.write_text((ROOT / "README.md").read_text())

    put_into(readme, results)

    assert readme.read_text() == (ROOT / "README.md").read_text()
    assert table(results) in readme.read_text()


def test_each_row_is_of_the_file_beside_it(results: dict[str, Any]) -> None:
    """The sizes are those of the committed files, and the interval holds the accuracy."""
    for row in (results["baseline"], *results["rows"]):
        file = RESULTS / "cifar10-resnet20" / f"{row['name']}.tflite"
        assert file.stat().st_size == row["raw_bytes"]
        assert row["accuracy_low"] < row["accuracy"] < row["accuracy_high"]


def test_no_committed_file_would_be_made_again() -> None:
    """What each file was made with is what its row asks for today, in today's names."""
    rows = {name: rival.parameters for name, rival in RIVALS.items()} | OURS

    assert [name for name, parameters in rows.items() if not made(name, parameters)] == []
