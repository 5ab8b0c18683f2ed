"""Builders that people wrote: each becomes a float file, or is refused before its first epoch with the reason."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from featherline.tasks.compression.dry_run.lane import try_lane
from featherline.tasks.compression.dry_run.network import check_network
from featherline.tasks.contracts.candidate import Candidate
from featherline.tasks.contracts.model import Architecture
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.networks.zoo.build import build
from tests.tasks.builders_of_others import put_on_path

ROOT = Path(os.environ.get("FEATHERLINE_TEST_DATA", Path(__file__).parents[5] / "shared" / "data")).parent / "cases"
SHAPE, CLASSES = (32, 32, 3), 5
WORK = (
    *("sep", "prelu", "se", "preact", "dilated", "mlp", "shared", "softmax_end", "mixed", "augmented"),
    *("transfer", "dense_net", "ops", "transposed", "attention"),
)
REFUSED = {
    "lam": "the Lambda",
    "custom": "Scale",
    "k3net": "build with tf_keras, not with Keras 3",
}

pytestmark = [
    pytest.mark.shared_data,
    pytest.mark.skipif(not ROOT.is_dir(), reason=f"no cases at {ROOT}; set FEATHERLINE_TEST_DATA"),
]


@pytest.fixture(autouse=True)
def builders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the module of the builders on the path."""
    put_on_path(monkeypatch, ROOT / "models")


@pytest.mark.parametrize("name", WORK)
def test_a_network_that_works_becomes_a_float_file(name: str) -> None:
    """It is stored, read back, counted and converted."""
    model = build(Architecture(builder=f"builders:{name}"), SHAPE, CLASSES)

    check_network(model, name)
    try_lane(Candidate(name="a", quantize={"scheme": "float16"}), model, CLASSES, {"image": "image"})


@pytest.mark.parametrize("name", REFUSED)
def test_a_network_that_cannot_work_is_refused_before_its_first_epoch(name: str) -> None:
    """The layer that stops it is named."""
    with pytest.raises(Refused) as refusal:
        check_network(build(Architecture(builder=f"builders:{name}"), SHAPE, CLASSES), name)

    assert REFUSED[name] in str(refusal.value)
