"""The candidates of the choice: measured, judged by the gate, held against the device.

lanes + verdict + budget ──► entries, each with what it broke
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

from pydantic import ValidationError

from featherline.tasks.contracts.device import Budget
from featherline.tasks.contracts.measurement import Finding, Measurement, Verdict
from featherline.tasks.contracts.steps.evaluate import EvaluateOutputs
from featherline.tasks.contracts.stored import OtherFormat
from featherline.tasks.judging.candidates.budget import Breach, breaches, doubt
from featherline.tasks.judging.candidates.rules import QUALITY_RULES
from featherline.tasks.judging.candidates.subject import label_of
from featherline.tasks.store.artifacts import Store


@dataclass(frozen=True)
class Entry:
    """One candidate.

    Attributes:
        name: Its label in the verdict.
        lane: What came out of its lane.
        measurement: None where it is no whole measurement.
        broken: Rules of the gate and bounds of the device, gate first; a candidate that broke none may win.
        margin: The least room under a rule of quality, in its unit; None where no such rule was judged.
        doubts: What the test samples or the clock cannot prove of it, in a sentence each.
    """

    name: str
    lane: EvaluateOutputs
    measurement: Measurement | None
    broken: tuple[Breach, ...]
    margin: float | None
    doubts: tuple[str, ...] = ()


def entries_of(store: Store, lanes: tuple[EvaluateOutputs, ...], verdict: Verdict, budget: Budget) -> list[Entry]:
    """Return an entry for each lane, in their order. Whoever the verdict does not name as passed has broken something.

    Raises:
        Damaged: A measurement is gone from the store.
    """
    passed = verdict.passed_candidates()
    entries = []
    for number, lane in enumerate(lanes, start=1):
        data = store.read_bytes(lane.measurement)
        name, measurement = read_measurement(data, number)
        findings = [item for item in verdict.findings if item.subject == name and item.severity == "critical"]
        broken = [_breach(item) for item in findings if not item.passed]
        if measurement is None and not broken:
            broken.append(_closed("a whole measurement", "a measurement with a missing or wrong value"))
        if name not in passed and not broken:
            broken.append(_closed("an open gate (validate_metrics)", "a verdict that does not name the candidate"))
        doubts = _doubts(verdict, name)
        if measurement is not None:
            broken += breaches(measurement, budget)
            doubts += tuple(filter(None, [doubt(measurement, budget)]))
        margins = [item.margin for item in findings if item.rule in QUALITY_RULES and item.margin is not None]
        entries.append(Entry(name, lane, measurement, tuple(broken), min(margins, default=None), doubts))
    return entries


def by_nearness(entries: list[Entry]) -> list[Entry]:
    """Return the candidates, first those that broke the fewest rules, of those the one that missed them by least."""
    return sorted(
        entries, key=lambda entry: (len(entry.broken), sum(breach.miss for breach in entry.broken), entry.name)
    )


def read_measurement(data: bytes, number: int) -> tuple[str, Measurement | None]:
    """Return whom a measurement speaks of, and the measurement; None where it is no whole one.

    Args:
        data: As it is stored.
        number: Of the lane, which is named by it where the measurement names none.
    """
    try:
        raw = json.loads(data)
    except (ValueError, RecursionError):
        raw = None
    name = label_of(raw.get("candidate") if isinstance(raw, dict) else None, number)
    try:
        return name, Measurement.from_json(data)
    except (ValidationError, OtherFormat):
        return name, None


def _doubts(verdict: Verdict, name: str) -> tuple[str, ...]:
    failed = [item for item in verdict.findings if item.subject == name and not item.passed]
    return tuple(
        f"{item.rule}: {item.got}, where {item.expected} is asked" for item in failed if item.severity == "warning"
    )


def _breach(finding: Finding) -> Breach:
    miss = -finding.margin if finding.margin is not None and finding.margin < 0 else math.inf
    return Breach(finding.rule, finding.expected, finding.got, finding.fix, miss)


def _closed(expected: str, got: str) -> Breach:
    return Breach("verdict", expected, got, "run evaluate and validate_metrics again", math.inf)
