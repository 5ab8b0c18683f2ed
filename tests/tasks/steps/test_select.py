"""The choice: the winner by the objective, every loser with its reason, and a refusal where nobody is left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from featherline.tasks.contracts.device import Budget
from featherline.tasks.contracts.measurement import Finding
from featherline.tasks.contracts.references import MeasurementRef, VerdictRef
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.steps.evaluate import EvaluateOutputs
from featherline.tasks.contracts.steps.select import SelectInputs, SelectOutputs, SelectParams
from featherline.tasks.judging.verdicts import put_verdict
from featherline.tasks.running.context import Context
from featherline.tasks.steps.select import select

Lane = Callable[..., EvaluateOutputs]
Choose = Callable[..., SelectOutputs]
SPEED = {"p50": 0.01, "p90": 0.06, "p99": 0.09, "threads": 1, "runs": 300, "warm_up": 20}
"""Faster than the 0.05 ms of the other lanes."""


def good(name: str, margin: float = 0.02) -> Finding:
    """Return a kept rule of accuracy."""
    return Finding(rule="max_drop", subject=name, passed=True, expected="at most 0.02", got="0", margin=margin)


def bad(name: str, margin: float | None = -0.01) -> Finding:
    """Return a broken rule of accuracy."""
    return Finding(
        rule="max_drop", subject=name, passed=False, expected="at most 0.02", got="0.03", fix="less", margin=margin
    )


@pytest.fixture
def chosen(context: Context, baseline: EvaluateOutputs) -> Choose:
    """Give the choice among lanes: `chosen([lane(…)], [good("a")], objective="size")`."""

    def run(lanes: list[EvaluateOutputs], findings: list[Finding], **params: Any) -> SelectOutputs:
        ref: VerdictRef = put_verdict(context.store, "metrics", findings, title="Candidates")[0]
        inputs = SelectInputs(verdict=ref, baseline=baseline, lanes=tuple(lanes))
        return select(inputs, SelectParams(**params), context)

    return run


def reasons(outputs: SelectOutputs) -> dict[str, str]:
    """Return why each candidate won or lost."""
    return {ranked.name: ranked.reason for ranked in outputs.ranking}


def test_the_smallest_that_passed_wins(chosen: Choose, lane: Lane):
    """The smallest file failed the gate, so the next one wins, and both hear why."""
    lanes = [lane("a", size_bytes=40_000), lane("b", size_bytes=30_000), lane("c", size_bytes=10_000)]

    outputs = chosen(lanes, [good("a"), good("b"), bad("c")])

    assert outputs.winner == "b"
    assert outputs.measurement == lanes[1].measurement
    assert outputs.model == lanes[1].model
    assert [ranked.name for ranked in outputs.ranking] == ["b", "a", "c"]
    assert [ranked.verdict for ranked in outputs.ranking] == ["pass", "pass", "fail"]
    assert reasons(outputs)["b"].startswith(
        "smallest of 2 that passed the gate and fit the device (30,000 bytes): 4.0x"
    )
    assert reasons(outputs)["c"] == "broke max_drop: 0.03, where at most 0.02 is asked"


@pytest.mark.parametrize(
    ("objective", "winner"),
    [("size", "small"), ("latency", "fast"), ("macs", "lean"), ("energy", "frugal"), ("quality", "sharp")],
)
def test_the_objective_decides(chosen: Choose, lane: Lane, objective: str, winner: str):
    """Each of five candidates is the best in one thing."""
    lanes = [
        lane("small", (0, 1, 2), size_bytes=20_000),
        lane("fast", (0, 1, 2), latency_ms=SPEED),
        lane("lean", (0, 1, 2), macs=600_000),
        lane("frugal", (0, 1, 2), energy_uj=1.0),
        lane("sharp", (0,)),
    ]

    outputs = chosen(lanes, [good(name) for name in ("small", "fast", "lean", "frugal", "sharp")], objective=objective)

    assert outputs.winner == winner


def test_latency_decides_only_what_the_clock_can_tell(chosen: Choose, lane: Lane):
    """The file that was 4 % faster on the clock loses to the more accurate one, and both hear why."""
    lanes = [
        lane("nominal", (0, 1, 2), latency_ms=SPEED),
        lane("sharp", (0,), latency_ms=SPEED | {"p50": 0.0104}),
        lane("slow", (0,), latency_ms=SPEED | {"p50": 0.02}),
    ]

    outputs = chosen(lanes, [good(name) for name in ("nominal", "sharp", "slow")], objective="latency")

    assert outputs.winner == "sharp"
    assert "of the 2 fastest of 3 that passed, which the clock cannot tell apart" in reasons(outputs)["sharp"]
    assert "(which the clock cannot tell apart)" in reasons(outputs)["nominal"]
    assert [ranked.on_front for ranked in outputs.ranking] == [True, False, False]


def test_a_latency_budget_is_broken_only_where_the_clock_can_tell(chosen: Choose, lane: Lane):
    """A file 4 % over it may win, and a person is told; one far over it may not."""
    lanes = [lane("near", latency_ms=SPEED | {"p50": 0.0104}), lane("far", latency_ms=SPEED | {"p50": 0.02})]

    outputs = chosen(lanes, [good("near"), good("far")], budget=Budget(latency_ms_p50=0.01))

    assert outputs.winner == "near"
    assert outputs.borderline
    assert [doubt.partition(":")[0] for doubt in outputs.doubts] == ["latency_ms_p50"]
    assert reasons(outputs)["far"].startswith("broke latency_ms_p50: 0.02 ms")


def test_of_equally_small_ones_the_more_accurate_wins(chosen: Choose, lane: Lane):
    """A tie in size is broken by accuracy."""
    outputs = chosen([lane("a", (0, 1, 2)), lane("b", (0, 1))], [good("a"), good("b")])

    assert outputs.winner == "b"
    assert reasons(outputs)["a"].startswith("dominated by b")


def test_of_equals_the_first_by_name_wins(chosen: Choose, lane: Lane):
    """Nothing but the name is left, and both are on the front."""
    outputs = chosen([lane("b"), lane("a")], [good("a"), good("b")])

    assert outputs.winner == "a"
    assert [ranked.on_front for ranked in outputs.ranking] == [True, True]
    assert reasons(outputs)["b"] == "as good as a in size and accuracy; a comes first by name"


def test_a_loser_on_the_front_hears_by_how_much(chosen: Choose, lane: Lane):
    """More accurate, but twice as large: on the front, not the smallest."""
    lanes = [lane("sharp", (0,), size_bytes=60_000), lane("small", (0, 1), size_bytes=30_000)]

    outputs = chosen(lanes, [good("sharp"), good("small")])

    assert reasons(outputs)["sharp"] == (
        "on the front, but 30,000 bytes larger than small (2.00x), though its accuracy is 1.00 points better"
    )
    assert [ranked.on_front for ranked in outputs.ranking] == [True, True]


def test_a_dominated_loser_hears_by_whom(chosen: Choose, lane: Lane):
    """Larger and less accurate: dominated, off the front."""
    outputs = chosen([lane("a", (0, 1, 2), size_bytes=60_000), lane("b")], [good("a"), good("b")])

    assert reasons(outputs)["a"].startswith(
        "dominated by b, which is nowhere worse: accuracy 98.00 % against 97.00 %, 30,000 against 60,000 bytes"
    )
    assert [ranked.on_front for ranked in outputs.ranking] == [True, False]


BUDGETS: list[tuple[dict[str, Any], dict[str, Any], str | None]] = [
    ({"size_bytes": 30_000}, {}, None),
    ({"size_bytes": 29_999}, {}, "size_bytes: 30,000 bytes, where at most 29,999 bytes"),
    ({"macs": 1_200_000}, {}, None),
    ({"macs": 1_199_999}, {}, "macs: 1,200,000 MACs, where at most 1,199,999 MACs"),
    ({"peak_ram_bytes": 9_000}, {}, None),
    ({"peak_ram_bytes": 8_999}, {}, "peak_ram_bytes: 9,000 bytes of peak RAM"),
    ({"latency_ms_p50": 0.05}, {}, None),
    ({"latency_ms_p50": 0.047}, {}, "latency_ms_p50: 0.05 ms (p50), where at most 0.047 ms"),
    ({"minimum_runtime": "2.3.0"}, {}, None),
    ({"minimum_runtime": "2.10.0"}, {}, None),
    ({"minimum_runtime": "2.3.0"}, {"minimum_runtime": "2.3"}, None),
    ({"minimum_runtime": "2.2.9"}, {}, "minimum_runtime: operators of TFLite 2.3.0"),
    ({"minimum_runtime": "2.3.0"}, {"minimum_runtime": "2.10.0"}, "minimum_runtime: operators of TFLite 2.10.0"),
    ({"minimum_runtime": "2.3.0"}, {"minimum_runtime": None}, "minimum_runtime: no version in the file"),
    ({"minimum_runtime": "2.3.0"}, {"minimum_runtime": "new"}, "minimum_runtime: no readable version (new)"),
]


@pytest.mark.parametrize(("budget", "changes", "message"), BUDGETS)
def test_a_bound_of_the_device_is_the_last_value_that_fits(
    chosen: Choose, lane: Lane, budget: dict[str, Any], changes: dict[str, Any], message: str | None
):
    """A value on the bound fits, one beyond it does not, and an unknown version does not."""
    tiny = lane("tiny", size_bytes=1, macs=1, peak_ram_bytes=1, minimum_runtime="1.0.0", latency_ms=SPEED)
    lanes = [lane("int8", **changes), tiny]

    outputs = chosen(lanes, [good("int8"), good("tiny")], budget=Budget(**budget))

    assert {ranked.name: ranked.verdict for ranked in outputs.ranking}["int8"] == ("fail" if message else "pass")
    assert (message or "dominated by tiny") in reasons(outputs)["int8"]


@pytest.mark.parametrize(("margin", "borderline"), [(0.005, True), (0.0051, False), (0.0, True)])
def test_a_winner_near_a_rule_is_borderline(chosen: Choose, lane: Lane, margin: float, borderline: bool):
    """0.005 from a rule is near where 0.005 counts as near."""
    outputs = chosen([lane("int8")], [good("int8", margin)], borderline=0.005)

    assert outputs.borderline is borderline


def test_only_rules_of_accuracy_make_it_borderline(chosen: Choose, lane: Lane):
    """One class near its rule is no reason to ask a person."""
    near = Finding(rule="max_slice_drop", subject="int8", passed=True, expected="", got="", margin=0.0)

    outputs = chosen([lane("int8")], [good("int8"), near], borderline=0.005)

    assert not outputs.borderline


def test_what_is_not_proven_makes_the_winner_borderline(chosen: Choose, lane: Lane):
    """A warning of the gate about the winner is a doubt; one about another candidate is not."""
    warning = {"severity": "warning", "passed": False}
    doubt = bad("b", None).model_copy(update=warning | {"rule": "max_drop_proven"})
    lanes = [lane("a", size_bytes=20_000), lane("b")]

    sure = chosen(lanes, [good("a"), good("b"), doubt])
    unsure = chosen(lanes[1:], [good("b"), doubt])

    assert (sure.winner, sure.borderline, sure.doubts) == ("a", False, ())
    assert (unsure.winner, unsure.borderline) == ("b", True)
    assert unsure.doubts == ("max_drop_proven: 0.03, where at most 0.02 is asked",)


def test_a_winner_without_a_rule_of_accuracy_is_borderline(chosen: Choose, lane: Lane):
    """Nobody judged how accurate it is."""
    other = good("int8").model_copy(update={"rule": "numbers", "margin": None})

    assert chosen([lane("int8")], [other]).borderline


def test_no_winner_names_the_nearest_and_its_rule(chosen: Choose, lane: Lane):
    """Of two that broke one rule each, the one that missed it by less is the nearest."""
    with pytest.raises(Refused) as refusal:
        chosen([lane("far"), lane("near")], [bad("far", -0.2), bad("near", -0.01)])

    (problem,) = refusal.value.problems
    assert problem.what == "select has no winner among 2 candidates: near, the nearest, broke max_drop"
    assert (problem.expected, problem.got) == ("at most 0.02", "0.03")
    assert problem.fix.startswith("less; verdict: ")


def test_the_nearest_broke_the_fewest_rules(chosen: Choose, lane: Lane):
    """One rule missed by far is nearer than two missed by little, and every broken rule is told."""
    lanes = [lane("one"), lane("two", size_bytes=31_000)]

    with pytest.raises(Refused) as refusal:
        chosen(lanes, [bad("one", -0.5), bad("two", -0.001)], budget=Budget(size_bytes=30_000))

    assert [problem.what.rsplit(" ", 1)[1] for problem in refusal.value.problems] == ["max_drop"]
    assert "one, the nearest" in refusal.value.problems[0].what


def test_a_candidate_that_only_the_device_refuses_is_named(chosen: Choose, lane: Lane):
    """The gate is open, yet nothing fits: the refusal names the bound of the device."""
    with pytest.raises(Refused) as refusal:
        chosen([lane("int8")], [good("int8")], budget=Budget(size_bytes=10_000, macs=1000))

    assert [problem.got for problem in refusal.value.problems] == ["30,000 bytes", "1,200,000 MACs"]


def test_a_candidate_that_the_verdict_does_not_name_cannot_win(chosen: Choose, lane: Lane):
    """Closed by default: silence of the gate is no pass."""
    outputs = chosen([lane("stranger", size_bytes=10), lane("known")], [good("known")])

    assert outputs.winner == "known"
    assert "a verdict that does not name the candidate" in reasons(outputs)["stranger"]


def test_a_broken_measurement_cannot_win(chosen: Choose, lane: Lane):
    """A measurement that lacks a field loses, even where the verdict let it pass."""
    outputs = chosen([lane("half", raw={"operators": ...}), lane("whole")], [good("half"), good("whole")])

    assert outputs.winner == "whole"
    assert "missing or wrong value" in reasons(outputs)["half"]


def test_a_measurement_that_is_no_json_cannot_win(chosen: Choose, lane: Lane, context: Context):
    """What the store holds in its place is known by the lane's number."""
    ref = context.store.put_bytes(b"9" * 5000, MeasurementRef)

    outputs = chosen([lane("lost").model_copy(update={"measurement": ref}), lane("whole")], [good("whole")])

    assert outputs.winner == "whole"
    assert "lane-1" in reasons(outputs)


def test_energies_of_different_origin_are_not_compared(chosen: Choose, lane: Lane):
    """An estimate and a measurement do not meet."""
    lanes = [lane("a"), lane("b", energy_method="measured: RAPL")]

    with pytest.raises(Refused) as refusal:
        chosen(lanes, [good("a"), good("b")], objective="energy")

    assert refusal.value.problems[0].got == "estimated: 45 nm model, measured: RAPL"


def test_no_lanes_are_refused(chosen: Choose):
    """With nothing to choose from there is nothing to retry."""
    with pytest.raises(Refused, match="select has no candidate"):
        chosen([], [])
