"""What a search learns of a lane: each rule and bound, and by how much it is broken."""

from __future__ import annotations

from typing import Any

import pytest

from featherline.tasks.contracts.candidate import Candidate
from featherline.tasks.contracts.device import Budget
from featherline.tasks.contracts.measurement import Latency, Measurement
from featherline.tasks.contracts.model import LiteRTModel
from featherline.tasks.contracts.problems.classification import ACCURACY
from featherline.tasks.contracts.quality import Quality, Slice
from featherline.tasks.contracts.steps.evaluate import EvaluateOutputs
from featherline.tasks.contracts.steps.validate_metrics import GateRules
from featherline.tasks.planning.auto.outcomes import outcomes

RULES = GateRules(min_quality=0.5, max_drop=0.05, max_slice_drop=0.1)
MEASUREMENT = Measurement.model_construct(
    quality=Quality(metric=ACCURACY, value=0.9, low=0.8, high=1.0, confidence=0.95),
    size_bytes=150,
    macs=30,
    peak_ram_bytes=20,
    latency_ms=Latency.model_construct(p50=0.5),
)


def lane(quality: float, *recall: float | None) -> EvaluateOutputs:
    """Give a lane that ended, with what is asked of it alone."""
    slices = tuple(Slice(name=str(label), samples=9, quality=one) for label, one in enumerate(recall))
    model = LiteRTModel.model_construct(validation_quality=quality, validation_slices=slices)
    return EvaluateOutputs.model_construct(model=model)


def learnt(arrived: dict[str, EvaluateOutputs], **budget: Any) -> Any:
    """Return what became of the candidate `int8`, against a float model of 0.9."""
    found = outcomes(
        [Candidate.model_construct(name="int8", auto=None)],
        {name: (outputs, MEASUREMENT) for name, outputs in arrived.items()},
        lane(0.9, 0.9, 0.9, None),
        budget=Budget(**budget),
        rules=RULES,
        objective="size",
    )
    assert len(found) == 1
    return found[0]


def test_a_lane_that_keeps_every_rule_is_good():
    """Every distance is negative, and no bound is asked that the budget lacks."""
    outcome = learnt({"int8": lane(0.86, 0.81, 0.91, None)}, size_bytes=200)
    assert outcome.good
    assert (outcome.cost, outcome.quality) == (150, 0.86)
    assert outcome.violations == pytest.approx(
        {"max_drop": -0.01, "min_quality": -0.36, "max_slice_drop": -0.01, "size_bytes": -0.25}
    )


@pytest.mark.parametrize(
    ("quality", "recall", "budget", "broken", "by"),
    [
        (0.84, (0.84, 0.84, None), {}, "max_drop", 0.01),
        (0.86, (0.77, 0.95, None), {}, "max_slice_drop", 0.03),
        (0.9, (0.9, 0.9, None), {"latency_ms_p50": 0.4}, "latency_ms_p50", 0.25),
    ],
)
def test_what_is_broken_is_known_and_by_how_much(
    quality: float, recall: tuple[float | None, ...], budget: dict[str, float], broken: str, by: float
):
    """One rule at a time."""
    outcome = learnt({"int8": lane(quality, *recall)}, **budget)
    assert not outcome.good
    assert {name: amount for name, amount in outcome.violations.items() if amount > 0} == pytest.approx({broken: by})


def test_a_lane_that_did_not_arrive_fell_out():
    """Nothing of it is known, so it is not good."""
    outcome = learnt({})
    assert outcome.failed
    assert not outcome.good
