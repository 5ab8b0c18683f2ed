"""The step `dry_run`, in real processes."""

from __future__ import annotations

from typing import Any

import pytest

from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.references import DatasetRef
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.steps.dry_run import DryRunInputs, DryRunParams
from featherline.tasks.running.context import Context
from featherline.tasks.steps.dry_run import dry_run

pytestmark = pytest.mark.usefixtures("own_builders")

QAT = {"quantize": {"scheme": "int8", "qat": True}}
FLOAT16 = {"quantize": {"scheme": "float16"}}


def params(builder: str, **more: Any) -> DryRunParams:
    """Return what a run with a builder of the user's own tries."""
    return DryRunParams.model_validate({"architecture": {"builder": f"own_builders:{builder}"}, **more})


def test_what_one_candidate_breaks_is_its_own_matter(context: Context, digits: tuple[DatasetRef, Dataset]) -> None:
    """The broken one is named with the reason, by the name of each of its values, and the others get their lanes."""
    asked = params(
        "unrounded",
        candidates={"light": FLOAT16, "broken": {"quantize": {"scheme": {"search": ["int8", "float16"]}}}},
    )

    outputs = dry_run(DryRunInputs(data=digits[0]), asked, context)

    assert [one.name for one in outputs.infeasible] == ["broken-schemeint8"]
    assert "ELU" in outputs.infeasible[0].reason


@pytest.mark.parametrize(
    ("asked", "what"),
    [
        (params("with_lambda", candidates={"light": FLOAT16}), "cannot be stored and read back"),
        (params("deadly", candidates={"light": FLOAT16}), "kills the process"),
        (params("unrounded", candidates={"a": QAT, "b": QAT}), "cannot train the layer"),
        (
            params("plain", space={"builder": "cnn", "choices": {"width": [8]}}, candidates={"light": FLOAT16}),
            "has no option",
        ),
    ],
    ids=["the network", "a network that kills", "every candidate", "the search space"],
)
def test_a_run_that_must_fail_fails_here(
    context: Context, digits: tuple[DatasetRef, Dataset], asked: DryRunParams, what: str
) -> None:
    """The network, every candidate or the search space cannot be had: nothing is worth the training."""
    with pytest.raises(Refused) as refusal:
        dry_run(DryRunInputs(data=digits[0]), asked, context)

    assert what in refusal.value.problems[0].what
