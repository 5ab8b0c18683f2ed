"""Builders that people wrote: each becomes a float file, or is refused before its first epoch with the reason."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tasks.contracts.model import Architecture
from tasks.contracts.plan import Candidate
from tasks.contracts.refusal import Refused
from tasks.dry_runs.lane import try_lane
from tasks.dry_runs.network import check_network
from tasks.zoo.build import build

ROOT = Path(os.environ.get("FEATHERLINE_TEST_DATA", Path(__file__).parents[4] / "shared" / "data")).parent / "cases"
SHAPE, CLASSES = (32, 32, 3), 5
WORK = (
    *("sep", "prelu", "se", "preact", "dilated", "mlp", "shared", "softmax_end", "mixed", "augmented"),
    *("transfer", "dense_net", "ops"),
)
REFUSED = {
    "lam": "the Lambda",
    "transposed": "Conv2DTranspose",
    "attention": "MultiHeadAttention",
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
    monkeypatch.syspath_prepend(ROOT / "models")


@pytest.mark.parametrize("name", WORK)
def test_a_network_that_works_becomes_a_float_file(name: str) -> None:
    """It is stored, read back, counted and converted."""
    model = build(Architecture(builder=f"builders:{name}"), SHAPE, CLASSES)

    check_network(model, name)
    try_lane(Candidate(name="a", quantize={"scheme": "float16"}), model, CLASSES)


@pytest.mark.parametrize("name", REFUSED)
def test_a_network_that_cannot_work_is_refused_before_its_first_epoch(name: str) -> None:
    """The layer that stops it is named."""
    with pytest.raises(Refused) as refusal:
        check_network(build(Architecture(builder=f"builders:{name}"), SHAPE, CLASSES), name)

    assert REFUSED[name] in str(refusal.value)
