"""The report of a run that released nothing: why, how far each candidate was, and all that is known."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from featherline.tasks.contracts.candidate import Candidate
from featherline.tasks.contracts.device import Budget
from featherline.tasks.contracts.external_state import ExternalState
from featherline.tasks.contracts.measurement import Finding
from featherline.tasks.contracts.problems.classification import ACCURACY
from featherline.tasks.contracts.quality import Slice
from featherline.tasks.contracts.refusal import Problem
from featherline.tasks.contracts.request import StepRecord
from featherline.tasks.contracts.steps.evaluate import EvaluateOutputs
from featherline.tasks.contracts.steps.plan import PlanOutputs
from featherline.tasks.contracts.steps.report import ReportInputs, ReportOutputs, ReportParams
from featherline.tasks.contracts.steps.train import ValidationMetrics
from featherline.tasks.contracts.steps.validate_metrics import GateRules
from featherline.tasks.judging.verdicts import put_verdict
from featherline.tasks.reporting.nothing import Missed, nearest_of
from featherline.tasks.running.context import Context
from featherline.tasks.running.execute import work_of
from featherline.tasks.steps.report import report

Told = Callable[..., ReportInputs]
PARAMS = ReportParams(title="digits")
STRICT = GateRules(min_quality=0.975, max_drop=0.001, max_slice_drop=0.3, max_champion_drop=0.07)
"""Rules that only a file with two wrong of 100 keeps."""


def refused(context: Context, step: str, what: str, label: str = "", got: str = "this") -> None:
    """Leave the record of a step that was refused, as the shell does."""
    problem = Problem(what, "that", got, "do otherwise")
    record = StepRecord(step=step, label=label, status="refused", seconds=1, problems=({**vars(problem)},))
    name = ".".join(filter(None, (step, label)))
    context.store.blobs.replace(f"runs/{context.provenance.run_id}/steps/{name}.json", record.to_json())


def page_of(context: Context, outputs: ReportOutputs, name: str = "") -> str:
    """Return the page, and leave it where it is to be looked at."""
    page = context.store.read_bytes(outputs.page).decode()
    if name and (folder := os.environ.get("FEATHERLINE_KEEP_PAGES")):
        Path(folder, f"{name}.html").write_text(page)
    return page


def lost(told: Told, rules: GateRules, **changes: Any) -> ReportInputs:
    """Return the inputs of a run in which nobody passed these rules."""
    inputs = told(rules=rules, chosen=False)
    return inputs.model_copy(update={"selection": None, **changes})


def test_the_title_says_that_nothing_was_released_and_why(told: Told, context: Context):
    """The nearest candidate, its rule and by how much it missed it, before any figure; nothing is called ready."""
    outputs = report(lost(told, STRICT.model_copy(update={"min_quality": 0.985})), PARAMS, context)

    page = page_of(context, outputs, "nothing")
    why = "nothing released, because no candidate passed: int8, the nearest of 5, missed min_quality by 0.50 points"
    assert outputs.headline == why
    assert f"<title>digits: {why}</title>" in page
    assert page.index("Nothing released</b>, because no candidate passed") < page.index("<svg")
    assert "ready to release" not in page
    assert " wins" not in page
    assert context.store.read_bytes(outputs.card).decode().startswith("# digits\n\n**Nothing released**, because no")
    assert outputs.brief == ""


def test_the_same_page_is_drawn_about_the_nearest(told: Told, context: Context):
    """All figures are there, and every candidate with each rule that it missed, the nearest first."""
    outputs = report(lost(told, STRICT.model_copy(update={"min_quality": 0.985})), PARAMS, context)

    page = page_of(context, outputs)
    assert page.count("<svg role") == 8
    assert "the nearest candidate is int8" in page
    assert "Confusion matrix of the nearest candidate" in page
    table = page[page.index('<table class="missed">') : page.index("</table>")]
    names = ("int8", "pruned-int8", "sparse", "student", "clustered")
    places = [table.index(f"<b>{name}</b>") for name in names]
    assert places == sorted(places)
    assert "by 7.50 points</td>" in table
    assert "train the candidate longer, compress it less, or lower gate.min_quality" in table
    assert "It stays champion." in page


def test_only_the_nearest_stand_on_top():
    """Of seven losers five, in their order, each with all that it missed."""
    every = [Missed(f"c{number}", rule, "", "", "", "") for number in range(7) for rule in ("max_drop", "size_bytes")]

    found = nearest_of(every)

    assert [name for name, _ in found] == ["c0", "c1", "c2", "c3", "c4"]
    assert [each.rule for each in found[0][1]] == ["max_drop", "size_bytes"]


def test_a_bound_of_the_device_is_missed_by_a_part_of_it(told: Told, context: Context):
    """15,300 bytes where 10,000 are allowed are 53 % too many."""
    params = PARAMS.model_copy(update={"budget": Budget(size_bytes=10_000)})

    outputs = report(lost(told, STRICT.model_copy(update={"min_quality": 0.9, "max_drop": 0.06})), params, context)

    assert outputs.headline.endswith("pruned-int8, the nearest of 5, missed size_bytes by 53.00 %")


def test_a_lane_that_fell_out_is_told_with_its_reason(told: Told, context: Context):
    """Also where another one won: what was refused, and that the other one crashed."""
    refused(context, "export", "export cannot make int4", "int4", got="a float operator")
    planned = PlanOutputs(candidates=(Candidate(name="int8"), Candidate(name="int4"), Candidate(name="gone")))

    outputs = report(told().model_copy(update={"plan": planned}), PARAMS, context)

    page = page_of(context, outputs)
    assert outputs.headline.startswith("pruned-int8 wins: ")
    assert "export cannot make int4: a float operator, where that is asked" in page
    assert "its lane did not finish: the log of its first failed task says why" in page
    assert "; 2 more did not finish." in page


def early(told: Told, **changes: Any) -> ReportInputs:
    """Return the inputs of a run that ended before its lanes."""
    absent = {"selection": None, "verdict": None, "trials": None, "lanes": (), "plan": PlanOutputs(candidates=())}
    return told().model_copy(update=absent | changes)


METRICS = ValidationMetrics(
    quality=0.61,
    metric=ACCURACY,
    loss=1.2,
    slices=tuple(Slice(name=str(n), samples=10, quality=None if n == 9 else 0.61) for n in range(10)),
    samples=100,
)


def test_a_shut_gate_of_the_teacher_is_told_with_what_it_found(told: Told, context: Context):
    """The float model's accuracy, its curves, the classes, and the rule that it broke."""
    broken = Finding(rule="min_quality", subject="it", passed=False, expected="0.9", got="0.61", fix="train longer")
    verdict = put_verdict(context.store, "model", [broken], title="Float baseline")[1]
    context.store.blobs.replace(f"runs/{context.provenance.run_id}/verdicts/model.json", verdict.to_json())
    refused(context, "validate_model", "the model gate refuses the float baseline: min_quality", got="0.61")

    outputs = report(early(told, baseline=None, metrics=METRICS), PARAMS, context)

    page = page_of(context, outputs, "weak-teacher")
    assert outputs.headline == (
        "nothing released, because the model gate refuses the float baseline: min_quality: 0.61, where that is asked"
    )
    assert "61.00 %" in page
    assert "What the gate found" in page
    assert page.count("<svg role") == 2
    assert "Recall of the float model" in page
    assert "not tested" in page


def test_a_damaged_copy_of_a_verdict_stops_no_report(told: Told, context: Context):
    """The refusal is told without what the gate found."""
    context.store.blobs.replace(f"runs/{context.provenance.run_id}/verdicts/model.json", b"[")
    refused(context, "validate_model", "the model gate refuses the float baseline: min_quality", got="0.61")

    outputs = report(early(told, baseline=None, metrics=METRICS), PARAMS, context)

    assert outputs.headline.startswith("nothing released, because the model gate refuses")


ENDS = {
    "no data": (
        {"data": None, "model": None, "baseline": None},
        "preprocess did not finish: its log says why",
    ),
    "no teacher": ({"model": None, "baseline": None}, "train did not finish: its log says why"),
    "no baseline": ({"baseline": None}, "the baseline's evaluate did not finish: its log says why"),
    "no plan": ({}, "plan did not finish: its log says why"),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_step_that_crashed_is_known_by_what_is_not_there(told: Told, context: Context, end: str):
    """It left no record; the page has what was made before it."""
    absent, why = ENDS[end]

    outputs = report(early(told, **absent), PARAMS, context)

    assert outputs.headline == f"nothing released, because {why}"
    assert ("<h2>The data</h2>" in page_of(context, outputs)) is ("data" not in absent)


def test_lanes_that_all_fell_out_are_the_reason(told: Told, context: Context):
    """Not that the gate had nothing to judge, which follows from it."""
    refused(context, "quantize", "quantize cannot train int8", "int8", got="a layer")
    refused(context, "validate_metrics", "validate_metrics has no candidate to judge")
    plan = PlanOutputs(candidates=(Candidate(name="int8"),))

    outputs = report(early(told, plan=plan), PARAMS, context)

    page = page_of(context, outputs, "no-lanes")
    why = "no lane finished; int8: quantize cannot train int8: a layer, where that is asked"
    assert outputs.headline == f"nothing released, because {why}"
    assert "98.00 %" in page
    assert "no file" in page


def test_foreign_words_of_a_refusal_add_no_markup(told: Told, context: Context):
    """A class named like a tag is shown, on both pages and in the sentence."""
    refused(context, "preprocess", "preprocess cannot read <script>x</script>\x1b[2J [a](javascript:b)")

    outputs = report(early(told, data=None, model=None, baseline=None), PARAMS, context)

    page, card = page_of(context, outputs), context.store.read_bytes(outputs.card).decode()
    assert "<script>" not in page + card
    assert "\x1b" not in page + card + outputs.headline
    assert "](" not in card


def test_a_later_refusal_is_another_report(told: Told, context: Context):
    """What the report reads outside its inputs is a part of its key, and nothing where nothing was refused."""
    inputs = told()
    before = work_of("report", inputs, PARAMS, context)
    refused(context, "export", "export cannot make int4", "int4")

    assert before.external_state == ExternalState()
    assert work_of("report", inputs, PARAMS, context).key != before.key


def test_a_broken_baseline_is_told_on_the_small_page(
    context: Context, told: Told, lane: Callable[..., EvaluateOutputs]
):
    """Nothing can be compared with it, and the report comes all the same."""
    broken = lane("baseline", raw={"quality": ...})

    outputs = report(lost(told, STRICT, baseline=broken), PARAMS, context)

    assert outputs.headline.startswith("nothing released, because ")
    assert "What was measured all the same" in page_of(context, outputs)
