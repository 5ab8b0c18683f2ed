"""The reference recipe, scaled down from hours to minutes by settings alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from featherline.places import ROOT

pytestmark = [pytest.mark.stack, pytest.mark.shared_data]

SCALED_DOWN = [
    "--set=data.limit=1200",
    "--set=data.calibration_count=100",
    "--set=data.checks.min_examples=500",
    "--set=train.epochs=2",
    "--set=train.learning_rate=0.05",
    "--set=train.checks={min_quality: 0.1, min_slice_quality: 0}",
    "--set=candidates.pruned-qat=null",
    "--set=candidates.pruned-int8.prune.keep_macs=0.5",
    "--set=candidates.pruned-int8.prune.fit={epochs: 1, batch_size: 64}",
    "--set=gate={min_quality: 0, max_drop: 1, max_slice_drop: 1, objective: size}",
    "--set=release.approve=never",
    "--set=release.accept_unproven=true",
]


@pytest.fixture
def cifar10() -> Path:
    """Give the folder of CIFAR-10 as parquet."""
    named = os.environ.get("FEATHERLINE_TEST_DATA")
    folder = (Path(named) if named else ROOT.parent / "shared" / "data") / "cifar10"
    if not (folder / "train.parquet").is_file():
        pytest.skip(f"there is no CIFAR-10 in {folder}; set FEATHERLINE_TEST_DATA to the folder that holds cifar10/")
    return folder


def test_the_reference_recipe_runs_on_real_images(up: Any, cifar10: Path):
    """ResNet-20 on 32x32 RGB comes out four times smaller as int8, and with half of its MACs where it was pruned."""
    summary = up.run("cifar10-resnet20", f"--set=data.source={cifar10}", *SCALED_DOWN)

    candidates = {one["name"]: one for one in summary["candidates"]}
    pruned = next(one for name, one in candidates.items() if name.startswith("pruned-int8"))
    assert summary["state"] == "success"
    assert 40_000_000 < summary["baseline"]["macs"] < 42_000_000
    assert summary["baseline"]["size_bytes"] / candidates["int8"]["size_bytes"] > 3
    assert pruned["macs"] / summary["baseline"]["macs"] == pytest.approx(0.5, abs=0.1)
    assert summary["selected"] == pruned["name"]
    assert summary["registry"]["alias"] == "champion"
