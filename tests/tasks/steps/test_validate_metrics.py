"""The release gate: open for who kept the rules, closed for every number that is missing or untrue."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.measurement import Finding, Verdict
from featherline.tasks.contracts.problems.classification import ACCURACY
from featherline.tasks.contracts.references import Champion, DatasetRef, MeasurementRef
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.steps.evaluate import EvaluateOutputs
from featherline.tasks.contracts.steps.validate_metrics import GateRules, ValidateMetricsInputs, ValidateMetricsParams
from featherline.tasks.judging.candidates.compare import Comparison
from featherline.tasks.judging.candidates.measured import Measured
from featherline.tasks.judging.candidates.proofs import judge_proofs
from featherline.tasks.judging.candidates.subject import Subject
from featherline.tasks.problems.classification.problem import Classification
from featherline.tasks.problems.protocol import Constant
from featherline.tasks.running.context import Context
from featherline.tasks.steps.validate_metrics import validate_metrics
from featherline.tasks.store.artifacts import Store

Lane = Callable[..., EvaluateOutputs]
Judge = Callable[..., Verdict]


@pytest.fixture
def judged(context: Context, digits: tuple[DatasetRef, Dataset], baseline: EvaluateOutputs) -> Judge:
    """Give the gate over some lanes: `judged(lane(…), …, rules=GateRules(…))` returns the verdict."""

    def run(
        *lanes: EvaluateOutputs,
        rules: GateRules | None = None,
        champion: Champion | None = None,
        against: EvaluateOutputs | None = None,
    ) -> Verdict:
        inputs = ValidateMetricsInputs(data=digits[0], baseline=against or baseline, lanes=lanes, champion=champion)
        outputs = validate_metrics(inputs, ValidateMetricsParams(rules=rules or GateRules()), context)
        return context.store.read(outputs.verdict, Verdict)

    return run


def finding(verdict: Verdict, subject: str, rule: str) -> Finding:
    """Return the one finding of a rule and a subject."""
    (found,) = [item for item in verdict.findings if (item.subject, item.rule) == (subject, rule)]
    return found


def failed(verdict: Verdict, subject: str) -> set[str]:
    """Return the critical rules that a subject broke."""
    return {
        item.rule
        for item in verdict.findings
        if item.subject == subject and not item.passed and item.severity == "critical"
    }


def test_one_good_candidate_opens_the_gate(judged: Judge, lane: Lane):
    """A candidate that loses too much fails alone; its neighbour passes and opens the gate."""
    verdict = judged(lane("good", (0, 1, 2)), lane("bad", range(10)))

    assert verdict.passed
    assert verdict.passed_candidates() == {"good"}
    assert failed(verdict, "bad") >= {"max_drop"}


def test_the_gate_is_shut_when_no_candidate_passed(judged: Judge, lane: Lane):
    """One bad candidate alone leaves the gate closed, and that is a verdict, not a refusal."""
    verdict = judged(lane("bad", range(10)))

    assert not verdict.passed
    assert verdict.passed_candidates() == frozenset()


def test_no_lanes_are_refused(judged: Judge):
    """With nothing to judge there is nothing to retry."""
    with pytest.raises(Refused) as refusal:
        judged()

    assert refusal.value.problems[0].what == "validate_metrics has no candidate to judge"


def test_a_finding_for_each_candidate_and_rule(judged: Judge, lane: Lane):
    """Each of two candidates has one finding a rule, the same rules for both."""
    verdict = judged(lane("a"), lane("b", (0, 1, 2)))

    rules = [sorted(item.rule for item in verdict.findings if item.subject == name) for name in ("a", "b")]
    assert rules[0] == rules[1]
    assert len(set(rules[0])) == len(rules[0])
    assert {"numbers", "name", "unique", "evidence", "min_quality", "max_drop", "max_slice_drop"} <= set(rules[0])


@pytest.mark.parametrize(("wrong", "passes"), [((0, 1, 2, 3), True), ((0, 1, 2, 3, 4), False)])
def test_a_drop_on_the_edge_passes(judged: Judge, lane: Lane, wrong: tuple[int, ...], passes: bool):
    """0.98 to 0.96 is a drop of 0.02, which a rule of 0.02 allows; one more image is too much."""
    verdict = judged(lane("int8", wrong), rules=GateRules(max_drop=0.02, max_slice_drop=1))

    assert (verdict.passed_candidates() == {"int8"}) is passes
    assert finding(verdict, "int8", "max_drop").margin == pytest.approx(0 if passes else -0.01, abs=1e-12)


@pytest.mark.parametrize(("floor", "passes"), [(0.97, True), (0.9701, False)])
def test_accuracy_on_the_floor_passes(judged: Judge, lane: Lane, floor: float, passes: bool):
    """0.97 passes a floor of 0.97."""
    verdict = judged(lane("int8", (0, 1, 2)), rules=GateRules(min_quality=floor, max_slice_drop=1))

    assert finding(verdict, "int8", "min_quality").passed is passes


@pytest.mark.parametrize(("least", "passes"), [(0.98, True), (0.99, False)])
def test_agreement_on_the_edge_passes(judged: Judge, lane: Lane, least: float, passes: bool):
    """Two of 100 predictions differ from the baseline's: 0.98 agree."""
    verdict = judged(lane("int8", (0, 1, 2, 3)), rules=GateRules(min_agreement=least, max_slice_drop=1))

    assert finding(verdict, "int8", "min_agreement").passed is passes


def test_a_class_may_not_die_behind_a_good_average(judged: Judge, lane: Lane, digits: Any, store: Any):
    """Three images of one class lost fail the class rule, which names the class, while the average passes."""
    labels = np.concatenate([store.read_array(shard.targets) for shard in digits[1].splits["test"].shards])
    victims = [int(index) for index in np.flatnonzero(labels == 7) if index > 1][:3]

    verdict = judged(lane("int8", (0, 1, *victims)), rules=GateRules(max_drop=0.03, max_slice_drop=0.1))

    assert failed(verdict, "int8") == {"max_slice_drop"}
    assert finding(verdict, "int8", "max_slice_drop").got.endswith("by class 7")


def test_the_evidence_of_a_drop_is_paired(judged: Judge, lane: Lane):
    """The drop is told with its interval, the images that changed and McNemar's p."""
    verdict = judged(lane("int8", (1, 2, 3)), rules=GateRules(max_slice_drop=1))

    got = finding(verdict, "int8", "max_drop").got
    assert got.startswith("1.00 points (95% interval ")
    assert "images lost 2, gained 1, McNemar p 1)" in got


def test_a_drop_that_is_not_proven_is_a_warning(judged: Judge, lane: Lane):
    """A drop of 0.01 on 100 images may be 0.03: it passes, and the verdict warns."""
    verdict = judged(lane("int8", (0, 1, 2)), rules=GateRules(max_drop=0.02, max_slice_drop=1))

    warning = finding(verdict, "int8", "max_drop_proven")
    assert (warning.passed, warning.severity) == (False, "warning")
    assert verdict.passed


def said(**changes: Any) -> dict[str, Any]:
    """Return the quality as the stored JSON has it, with other values."""
    metric = ACCURACY.model_dump(mode="json")
    return {"metric": metric, "value": 0.98, "low": 0.95, "high": 1.0, "confidence": 0.95} | changes


BROKEN: list[tuple[dict[str, Any], set[str]]] = [
    ({"quality": said(value=math.nan)}, {"numbers", "evidence", "min_quality"}),
    ({"quality": ...}, {"numbers", "evidence", "min_quality"}),
    ({"quality": said(value="0.98")}, {"numbers", "evidence", "min_quality"}),
    ({"quality": said(value=True)}, {"numbers", "evidence", "min_quality"}),
    ({"quality": said(value=1.02)}, {"numbers", "evidence", "min_quality"}),
    ({"qualty": 0.98, "quality": ...}, {"numbers", "evidence", "min_quality"}),
    ({"agreement": None}, {"numbers", "min_agreement"}),
    ({"size_bytes": 0}, {"numbers"}),
    ({"size_bytes": math.inf}, {"numbers"}),
    ({"size_bytes": 10**400}, {"numbers"}),
    ({"macs": None}, {"numbers"}),
    ({"peak_ram_bytes": -1}, {"numbers"}),
    ({"latency_ms": {"p50": math.nan, "p90": 1, "p99": 1}}, {"numbers"}),
    ({"latency_ms": 3}, {"numbers"}),
    ({"energy_uj": math.nan}, {"numbers"}),
    ({"quality": said(confidence=0)}, {"max_drop"}),
    ({"quality": said(confidence=None)}, {"numbers", "max_drop"}),
    ({"slices": [{"quality": math.nan}] * 10}, {"evidence", "max_slice_drop"}),
    ({"slices": []}, {"evidence", "max_slice_drop"}),
    ({"slices": ...}, {"evidence", "max_slice_drop"}),
    ({"quality": said(value=0.99)}, {"evidence"}),
    ({"quality": said(metric={"name": "recall"})}, {"evidence"}),
    ({"slices": [{"quality": 1.0}] * 10}, {"evidence"}),
    ({"outputs": None}, {"evidence"}),
    ({"test_sha256": "0" * 64}, {"evidence"}),
    ({"test_sha256": ...}, {"evidence"}),
    ({"file": None}, {"evidence"}),
    ({"candidate": ...}, {"name"}),
    ({"candidate": "Not A Name"}, {"name"}),
]


def test_a_broken_measurement_closes_its_own_gate(judged: Judge, lane: Lane):
    """Whatever is missing, NaN, infinite, out of range or untrue fails its candidate, and only that one."""
    lanes = [lane(f"broken-{number}", raw=raw) for number, (raw, _) in enumerate(BROKEN)]

    verdict = judged(*lanes, lane("whole"), rules=GateRules(min_quality=0.5))

    for number, (raw, rules) in enumerate(BROKEN):
        subject = f"lane-{number + 1}" if "candidate" in raw else f"broken-{number}"
        assert failed(verdict, subject) >= rules, raw
    assert verdict.passed_candidates() == {"whole"}


def test_the_broken_number_is_named(judged: Judge, lane: Lane):
    """The finding says which number is broken and what it is."""
    verdict = judged(lane("int8", raw={"macs": None, "gzip_bytes": 0}))

    assert finding(verdict, "int8", "numbers").got == "gzip_bytes is 0, macs is nan"


def test_outputs_that_are_not_finite_are_no_evidence(judged: Judge, lane: Lane):
    """One NaN among the logits is enough, and is counted."""
    logits = np.eye(10, dtype=np.float32)[np.zeros(100, int)]
    logits[3, 4] = np.nan

    verdict = judged(lane("int8", logits=logits))

    assert finding(verdict, "int8", "evidence").got == "1 of 100 outputs are not finite"


def test_outputs_of_another_shape_are_no_evidence(judged: Judge, lane: Lane):
    """Ninety predictions do not speak of a hundred images."""
    verdict = judged(lane("int8", logits=np.zeros((90, 10), np.float32)))

    assert finding(verdict, "int8", "evidence").got == "outputs of shape (90, 10) for a test split of (100, 10)"


def test_two_lanes_of_one_name_both_fail(judged: Judge, lane: Lane):
    """Nobody could tell which of them a verdict speaks of."""
    verdict = judged(lane("twin"), lane("twin", (0, 1, 2)), lane("other"))

    assert "unique" in failed(verdict, "twin")
    assert verdict.passed_candidates() == {"other"}


def test_a_broken_baseline_closes_the_gate_for_all(judged: Judge, lane: Lane):
    """Without a baseline that can be believed no drop is known."""
    verdict = judged(lane("int8"), against=lane("baseline", raw={"quality": said(value=math.nan)}))

    assert not verdict.passed
    assert "max_drop" in failed(verdict, "int8")


def test_the_champion_is_compared_on_the_same_images(judged: Judge, lane: Lane, champion: Callable[..., Champion]):
    """The champion got all right: a candidate with two wrong loses 0.02 against it, paired."""
    verdict = judged(lane("int8"), champion=champion(()), rules=GateRules(max_champion_drop=0.01))

    found = finding(verdict, "int8", "max_champion_drop")
    assert not found.passed
    assert found.margin == pytest.approx(-0.01)
    assert "images lost 2, gained 0" in found.got


def test_a_champion_of_other_images_is_compared_unpaired(judged: Judge, lane: Lane, champion: Callable[..., Champion]):
    """A champion measured on another test split is compared as a fraction of its own."""
    elsewhere = champion((), raw={"test_sha256": "1" * 64, "samples": 5000, "quality": said(value=0.985)})

    verdict = judged(lane("int8"), champion=elsewhere, rules=GateRules(max_champion_drop=0.01))

    found = finding(verdict, "int8", "max_champion_drop")
    assert found.passed
    assert found.got.startswith("0.50 points ")
    assert "different test images" in found.got


def test_a_broken_champion_closes_the_gate(judged: Judge, lane: Lane, champion: Callable[..., Champion]):
    """A champion whose accuracy is missing cannot be beaten by silence."""
    verdict = judged(lane("int8"), champion=champion((), raw={"quality": None}))

    assert failed(verdict, "int8") == {"max_champion_drop"}


def test_without_a_champion_there_is_no_champion_rule(judged: Judge, lane: Lane):
    """The first run has nothing to be compared with, and says nothing of it."""
    verdict = judged(lane("int8"))

    assert "max_champion_drop" not in {item.rule for item in verdict.findings}


def test_a_measurement_of_another_file_is_no_evidence(judged: Judge, lane: Lane):
    """Numbers of a file that the lane did not export say nothing of the one that it did."""
    mixed = EvaluateOutputs(measurement=lane("int8").measurement, model=lane("other").model)

    verdict = judged(mixed)

    assert finding(verdict, "int8", "evidence").got == "it measured another file than the lane exported"


def test_the_same_question_gets_the_same_verdict(judged: Judge, lane: Lane):
    """Equal inputs and seed give equal bytes, so that the cache and a reader can rely on them."""
    assert judged(lane("int8", (0, 1, 2))) == judged(lane("int8", (0, 1, 2)))


def warned(verdict: Verdict, subject: str) -> set[str]:
    """Return what is not proven of a subject."""
    return {item.rule for item in verdict.findings if item.subject == subject and not item.passed} - failed(
        verdict, subject
    )


def test_a_recipe_without_a_floor_does_not_get_none(judged: Judge, lane: Lane, digits: Any, store: Any):
    """A constant answer fails, one image more passes, and of both it is said that no floor was named."""
    labels = np.concatenate([store.read_array(shard.targets) for shard in digits[1].splits["test"].shards])
    most = int(np.bincount(labels).max())
    rules = GateRules(max_drop=1, max_slice_drop=1)

    verdict = judged(lane("constant", range(most, 100)), lane("one-more", range(most + 1, 100)), rules=rules)

    assert failed(verdict, "constant") == {"min_quality"}
    assert verdict.passed_candidates() == {"one-more"}
    assert warned(verdict, "one-more") == {"floor_named", "min_quality_proven"}


@pytest.mark.parametrize(("floor", "named"), [(None, False), (0.0, False), (0.1, False), (0.5, True)])
def test_a_floor_that_every_constant_answer_reaches_is_none(judged: Judge, lane: Lane, floor: float, named: bool):
    """0.1 of ten classes is what the largest class alone gives."""
    verdict = judged(lane("int8"), rules=GateRules(min_quality=floor))

    assert finding(verdict, "int8", "floor_named").passed is named
    assert verdict.passed


@pytest.mark.parametrize(("floor", "proven"), [(0.92, True), (0.95, False)])
def test_a_floor_inside_the_interval_is_not_proven(judged: Judge, lane: Lane, floor: float, proven: bool):
    """98 of 100 lie between 0.930 and 0.994, counted from the predictions and not taken from the claim."""
    verdict = judged(lane("int8", raw={"quality": said(low=0.979)}), rules=GateRules(min_quality=floor))

    assert finding(verdict, "int8", "min_quality_proven").passed is proven
    assert verdict.passed


def test_unchanged_images_prove_no_more_than_their_number(judged: Judge, lane: Lane):
    """Of 100 images none changed: the drop may still be one of almost three points, and is not proven within two."""
    verdict = judged(lane("int8"), rules=GateRules(min_quality=0.5, max_drop=0.02))

    assert warned(verdict, "int8") == {"max_drop_proven"}
    assert finding(verdict, "int8", "max_drop_proven").margin == pytest.approx(-0.0072, abs=1e-3)


def test_a_class_without_a_test_image_is_not_judged_in_silence():
    """The subject's own numbers may be perfect: nothing is known of the class."""
    sure = Comparison(0.0, 0.0, 0.0, 0.95)
    numbers = {"quality.value": 1.0, "quality.low": 0.9, "quality.confidence": 0.95}
    measured = Measured("int8", numbers, np.ones(3), "", None, "", Classification(), sliced=True)
    subject = Subject("int8", measured, "", sure, (0.0, "a"), None)

    found = judge_proofs(
        subject,
        GateRules(min_quality=0.5),
        Constant(20 / 60, 21 / 60, "the share of the largest class"),
        untested=("b",),
    )

    assert [(item.rule, item.got) for item in found if not item.passed] == [("slices_tested", "none of b")]
    assert all(item.severity == "warning" for item in found)


@pytest.mark.parametrize("garbage", [b"", b"[" * 100_000, b"9" * 5000, b"\xff\x00"])
def test_a_measurement_that_is_no_json_proves_nothing(judged: Judge, lane: Lane, store: Store, garbage: bytes):
    """It closes its own gate, and no other."""
    broken = lane("broken").model_copy(update={"measurement": store.put_bytes(garbage, MeasurementRef)})

    verdict = judged(broken, lane("whole"), rules=GateRules(min_quality=0.5))

    assert verdict.passed_candidates() == {"whole"}


def test_what_is_unknown_is_not_mended_by_another_bound(judged: Judge, lane: Lane, champion: Any):
    """The advice for a champion or a lane whose measurement is broken names no bound: none would let it through."""
    verdict = judged(lane("int8"), lane("broken", raw={"quality": None}), champion=champion((), raw={"quality": None}))

    fixes = {(item.subject, item.rule): item.fix for item in verdict.findings if not item.passed}
    assert "featherline rollback" in fixes["int8", "max_champion_drop"]
    for rule in ("max_champion_drop", "max_drop", "min_quality", "evidence"):
        assert fixes["broken", rule].startswith("start a run with ignore_cache"), rule
