"""What the test images cannot prove of a candidate that keeps the rules by its point.

    subject, rules, constant answer ──► warnings: a candidate with one that failed is borderline

A drop of 1.4 points on 359 images may be one of 2.8: the rule of 2 points is kept, and not proven. A floor that every
constant answer reaches is no floor, and a class without a test image was not judged.
"""

from __future__ import annotations

import math

from featherline.tasks.contracts.measurement import Finding
from featherline.tasks.contracts.refusal import examples
from featherline.tasks.contracts.steps.validate_metrics import GateRules
from featherline.tasks.contracts.words import amount, percent
from featherline.tasks.judging.metrics.bounds import Constant
from featherline.tasks.judging.metrics.compare import Comparison
from featherline.tasks.judging.metrics.subject import Subject
from featherline.tasks.statistics.proportions import wilson

MORE_IMAGES = "measure on more test images"


def judge_proofs(subject: Subject, rules: GateRules, constant: Constant, untested: tuple[str, ...]) -> list[Finding]:
    """Return a warning for each thing that is to be proven of a candidate.

    Args:
        subject: The candidate.
        rules: Of the recipe.
        constant: What the largest class alone reaches.
        untested: Classes without an image in the test split.
    """
    found = [
        _floor(subject, rules, constant),
        _accuracy(subject, rules, constant),
        _drop(subject, "max_drop", subject.drop, rules.max_drop, "the float baseline"),
    ]
    if subject.champion_drop:
        found.append(
            _drop(subject, "max_champion_drop", subject.champion_drop, rules.max_champion_drop, "the champion")
        )
    found.append(
        _warning(
            subject,
            "classes_tested",
            passed=not untested,
            expected="a test image of every class",
            got=f"none of {examples(untested)}" if untested else "one of each, or more",
            fix="give the test split images of these classes; nothing is known of them",
        )
    )
    return found


def _floor(subject: Subject, rules: GateRules, constant: Constant) -> Finding:
    named = rules.min_accuracy
    expected = f"a floor above {percent(constant.accuracy)}, which a constant answer reaches (gate.min_accuracy)"
    return _warning(
        subject,
        "floor_named",
        passed=named is not None and named > constant.accuracy,
        expected=expected,
        got="the recipe names no floor" if named is None else percent(named),
        fix="set gate.min_accuracy to what the model is needed for",
    )


def _accuracy(subject: Subject, rules: GateRules, constant: Constant) -> Finding:
    floor = constant.accuracy if rules.min_accuracy is None else rules.min_accuracy
    low = _lowest(subject)
    passed = low > floor if rules.min_accuracy is None else low >= floor
    side = "above" if rules.min_accuracy is None else "from"
    return _warning(
        subject,
        "min_accuracy_proven",
        passed=passed,
        expected=f"the whole interval of the accuracy {side} {percent(floor)}",
        got=f"from {percent(low)}" if math.isfinite(low) else "no interval",
        fix=f"{MORE_IMAGES}, or name a floor (gate.min_accuracy) that fewer can prove",
        margin=low - floor,
    )


def _lowest(subject: Subject) -> float:
    """Return the lower end of the accuracy's interval, counted from the predictions where they are evidence."""
    numbers, correct = subject.measured.numbers, subject.measured.correct
    if correct is None or not 0 < numbers["confidence"] < 1:
        return numbers["accuracy_low"]
    return wilson(int(correct.sum()), len(correct), numbers["confidence"])[0]


def _drop(subject: Subject, rule: str, drop: Comparison, bound: float, against: str) -> Finding:
    return _warning(
        subject,
        f"{rule}_proven",
        passed=bool(drop.high <= bound),
        expected=f"non-inferior to {against}: the whole interval of the drop within {amount(bound)} (gate.{rule})",
        got=str(drop),
        fix=f"{MORE_IMAGES}; the drop itself is judged by another rule",
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
