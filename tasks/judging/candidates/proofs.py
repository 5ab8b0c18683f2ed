"""What the test samples cannot prove of a candidate that keeps the rules by its point.

    subject, rules, constant answer ──► warnings: a candidate with one that failed is borderline

A drop of 1.4 points on 359 samples may be one of 2.8: the rule of 2 points is kept, and not proven. A floor that every
constant answer reaches is no floor, and a slice without a test sample was not judged.
"""

from __future__ import annotations

import math

from featherline.tasks.contracts.measurement import Finding
from featherline.tasks.contracts.refusal import examples
from featherline.tasks.contracts.steps.validate_metrics import GateRules
from featherline.tasks.judging.candidates.compare import Comparison
from featherline.tasks.judging.candidates.subject import Subject
from featherline.tasks.problems.protocol import Constant
from featherline.tasks.problems.scored import counts_units
from featherline.tasks.statistics.proportions import wilson

MORE_SAMPLES = "measure on more test samples"


def judge_proofs(subject: Subject, rules: GateRules, constant: Constant, untested: tuple[str, ...]) -> list[Finding]:
    """Return a warning for each thing that is to be proven of a candidate.

    Args:
        subject: The candidate.
        rules: Of the recipe.
        constant: What the best constant answer reaches.
        untested: Slices without a sample in the test split.
    """
    words = subject.measured.problem.words
    warnings = [
        _floor(subject, rules, constant),
        _quality(subject, rules, constant),
        _drop(subject, "max_drop", subject.drop, rules.max_drop, "the float baseline"),
    ]
    if subject.champion_drop:
        warnings.append(
            _drop(subject, "max_champion_drop", subject.champion_drop, rules.max_champion_drop, "the champion")
        )
    warnings.append(
        _warning(
            subject,
            "slices_tested",
            passed=not untested,
            expected=f"a test {words.unit} of every {words.slice}",
            got=f"none of {examples(untested)}" if untested else "one of each, or more",
            fix=f"give the test split {words.unit}s of these {words.slices}; nothing is known of them",
        )
    )
    return warnings


def _floor(subject: Subject, rules: GateRules, constant: Constant) -> Finding:
    named, metric = rules.min_quality, subject.measured.problem.quality
    side = "above" if metric.higher_is_better else "below"
    expected = f"a floor {side} {metric.text(constant.quality)}, which a constant answer reaches (gate.min_quality)"
    return _warning(
        subject,
        "floor_named",
        passed=named is not None and metric.drop(named, constant.quality) > 0,
        expected=expected,
        got="the recipe names no floor" if named is None else metric.text(named),
        fix="set gate.min_quality to what the model is needed for",
    )


def _quality(subject: Subject, rules: GateRules, constant: Constant) -> Finding:
    metric = subject.measured.problem.quality
    floor = constant.quality if rules.min_quality is None else rules.min_quality
    worst = _worst(subject)
    room = -metric.drop(floor, worst)
    passed = room > 0 if rules.min_quality is None else room >= 0
    beyond, within = ("above", "from") if metric.higher_is_better else ("below", "up to")
    side = beyond if rules.min_quality is None else within
    return _warning(
        subject,
        "min_quality_proven",
        passed=passed,
        expected=f"the whole interval of the {metric.name} {side} {metric.text(floor)}",
        got=f"{within} {metric.text(worst)}" if math.isfinite(worst) else "no interval",
        fix=f"{MORE_SAMPLES}, or name a floor (gate.min_quality) that fewer can prove",
        margin=room,
    )


def _worst(subject: Subject) -> float:
    """Return the worse end of the quality's interval, counted from the outputs where they are evidence."""
    measured, numbers = subject.measured, subject.measured.numbers
    scores, confidence = measured.scores, numbers["quality.confidence"]
    if scores is None or not 0 < confidence < 1 or not counts_units(measured.problem, scores):
        return numbers["quality.low" if measured.problem.quality.higher_is_better else "quality.high"]
    return wilson(int(scores.values.sum()), len(scores), confidence)[0]


def _drop(subject: Subject, rule: str, drop: Comparison, bound: float, against: str) -> Finding:
    metric = subject.measured.problem.quality
    return _warning(
        subject,
        f"{rule}_proven",
        passed=bool(drop.high <= bound),
        expected=f"non-inferior to {against}: the whole interval of the drop within {metric.amount(bound)} "
        f"(gate.{rule})",
        got=str(drop),
        fix=f"{MORE_SAMPLES}; the drop itself is judged by another rule",
        margin=bound - drop.high,
    )


def _warning(
    subject: Subject, rule: str, *, passed: bool, expected: str, got: str, fix: str, margin: float = math.nan
) -> Finding:
    return Finding(
        rule=rule,
        subject=subject.label,
        passed=passed,
        severity="warning",
        expected=expected,
        got=got,
        fix="" if passed else fix,
        margin=round(margin, 9) if math.isfinite(margin) else None,
    )
