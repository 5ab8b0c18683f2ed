"""The question whether a step has anything to do."""

from __future__ import annotations

from typing import Any

import pytest

from featherline.tasks.contracts.reading import read, unchanged
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.request import StepRequest

DIGEST = "1" * 64


def reference(kind: str) -> dict[str, Any]:
    """Return a reference to nothing."""
    return {"uri": f"artifacts/{DIGEST}", "sha256": DIGEST, "bytes": 1000, "kind": kind}


MODEL = {"file": reference("model"), "parameters": 10, "macs": 100, "validation_quality": 0.97}
INPUTS = {"model": MODEL, "data": reference("dataset")}


def test_a_step_without_work_answers_with_its_input():
    """Inside a lane the candidate's parameters count, by hand the request's own."""
    in_a_lane = unchanged("prune", StepRequest(inputs=INPUTS, candidate={"name": "int8"}))
    by_hand = unchanged("prune", StepRequest(inputs=INPUTS, params={"method": "none"}))

    assert in_a_lane is not None
    assert in_a_lane["model"]["file"] == MODEL["file"]
    assert by_hand == in_a_lane


def test_a_step_with_work_is_not_unchanged():
    """Neither is one that always has some."""
    assert unchanged("prune", StepRequest(inputs=INPUTS, params={"method": "channel"})) is None
    assert unchanged("preprocess", StepRequest(params={"source": "digits"})) is None


def test_a_wrong_request_is_left_to_the_step():
    """It refuses with all that it knows; here nothing is answered."""
    wrong = StepRequest(inputs=INPUTS, params={"methud": "none"})

    assert unchanged("prune", wrong) is None
    with pytest.raises(Refused, match="methud"):
        read("prune", wrong)
