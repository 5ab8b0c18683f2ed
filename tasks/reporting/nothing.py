"""Why a run released nothing, and how far its candidates were from it.

    refused steps, what is there, entries of the choice ──► one sentence, and what each candidate missed

A step that was refused says why in its own four parts. One that crashed left nothing: it is known by what is not there.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

from featherline.tasks.contracts.candidate import LANE
from featherline.tasks.contracts.request import StepRecord
from featherline.tasks.contracts.safe_text import visible
from featherline.tasks.contracts.steps.report import ReportInputs
from featherline.tasks.contracts.words import percent, points
from featherline.tasks.judging.candidates.budget import Breach
from featherline.tasks.judging.candidates.entries import Entry, by_nearness

LONGEST_PART = 160
"""Characters of what was met or asked, in the sentence; the tables have all of it."""

MOST_NEAREST = 5
"""Candidates whose every miss is told on top of the page; what became of each stands below."""

IN_POINTS = ("min_quality", "max_drop", "max_champion_drop", "max_slice_drop", "min_agreement")
"""The rules whose miss is a difference of fractions of images."""

SPINE = (
    "preprocess",
    "validate_data",
    "dry_run",
    "train",
    "validate_model",
    "export baseline",
    "evaluate baseline",
    "choose",
    "plan",
    "validate_metrics",
    "select",
)
"""The steps without which nothing is released, in their order."""


class Missed(NamedTuple):
    """One rule that a candidate did not keep."""

    name: str
    rule: str
    expected: str
    got: str
    by: str
    fix: str


class Told(NamedTuple):
    """One problem of a step that was refused."""

    step: str
    what: str
    expected: str
    got: str
    fix: str


class Unmeasured(NamedTuple):
    """A candidate whose lane did not finish."""

    name: str
    reason: str


def why_nothing(inputs: ReportInputs, refused: Sequence[StepRecord], entries: Sequence[Entry] = ()) -> str:
    """Return the reason in a sentence without a full stop.

    Args:
        inputs: Of the report: the results of the run.
        refused: The records of the steps that were refused.
        entries: Of the choice, where there was one.
    """
    losers = by_nearness([entry for entry in entries if entry.broken])
    if losers and len(losers) == len(entries):
        near = losers[0]
        broke = " and ".join(f"{breach.rule} {_by(breach)}" for breach in near.broken)
        return f"no candidate passed: {near.name}, the nearest of {len(losers)}, missed {broke}"
    if not inputs.lanes and inputs.verdict is None and inputs.baseline is not None:
        lost = unmeasured(inputs, refused, ())
        if lost:
            return f"no lane finished; {lost[0].name}: {lost[0].reason}"
    spine = {name_of(record): record for record in refused}
    first = next((name for name in SPINE if name in spine), None)
    workers = [record for record in refused if record.step == "search"]
    if first is None and workers and inputs.baseline is not None and inputs.verdict is None:
        return _sentence(workers[0])
    return _sentence(spine[first]) if first else f"{_not_there(inputs)} did not finish: its log says why"


def missed(entries: Sequence[Entry]) -> tuple[Missed, ...]:
    """Return each rule that was not kept, the nearest candidate first."""
    return tuple(
        Missed(entry.name, breach.rule, breach.expected, breach.got, _by(breach), breach.fix)
        for entry in by_nearness([entry for entry in entries if entry.broken])
        for breach in entry.broken
    )


def nearest_of(every: Sequence[Missed]) -> list[tuple[str, list[Missed]]]:
    """Return what the nearest candidates missed, by candidate."""
    grouped = [(name, list(rules)) for name, rules in itertools.groupby(every, key=lambda each: each.name)]
    return grouped[:MOST_NEAREST]


def told(refused: Sequence[StepRecord]) -> tuple[Told, ...]:
    """Return the problems of the steps that were refused, those of the spine first."""
    order = {name: place for place, name in enumerate(SPINE)}
    ranked = sorted(refused, key=lambda record: (order.get(name_of(record), len(SPINE)), name_of(record)))
    return tuple(
        Told(name_of(record), *(problem.get(part, "") for part in ("what", "expected", "got", "fix")))
        for record in ranked
        if record.step != "select"
        for problem in record.problems
    )


def unmeasured(inputs: ReportInputs, refused: Sequence[StepRecord], arrived: Sequence[str]) -> tuple[Unmeasured, ...]:
    """Return the planned candidates that were not measured, each with the first step of its lane that was refused."""
    reasons: dict[str, str] = {}
    for record in sorted((one for one in refused if one.step in LANE), key=lambda one: LANE.index(one.step)):
        reasons.setdefault(record.label, _sentence(record))
    crashed = "its lane did not finish: the log of its first failed task says why"
    return tuple(
        Unmeasured(candidate.name, reasons.get(candidate.name, crashed))
        for candidate in inputs.plan.candidates
        if candidate.name not in arrived
    )


def name_of(record: StepRecord) -> str:
    """Return what a person calls the task."""
    return f"{record.step} {record.label}".strip()


def _sentence(record: StepRecord) -> str:
    first, more = record.problems[0], len(record.problems) - 1
    parts = {name: visible(first.get(name, ""), LONGEST_PART) for name in ("what", "got", "expected")}
    others = f" (and {more} more)" if more else ""
    return f"{parts['what']}: {parts['got']}, where {parts['expected']} is asked{others}"


def _not_there(inputs: ReportInputs) -> str:
    """Return the first step of which nothing is there."""
    there = {
        "preprocess": inputs.data,
        "train": inputs.model,
        "the baseline's evaluate": inputs.baseline,
        "plan": inputs.plan.candidates or None,
        "validate_metrics": inputs.verdict,
    }
    return next((name for name, value in there.items() if value is None), "select")


def _by(breach: Breach) -> str:
    if not math.isfinite(breach.miss):
        return "by an amount that is not known"
    amount = f"{points(breach.miss).lstrip('+±')} points" if breach.rule in IN_POINTS else percent(breach.miss)
    return f"by {amount}"
