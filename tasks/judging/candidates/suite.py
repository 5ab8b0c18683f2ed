"""The rules of the release gate as a Great Expectations suite, and what they found in words.

    table (a row a candidate) + rules ──► suite ──► one finding a candidate and rule, with its margin

A rule is judged by Great Expectations alone; the words and the margin come from the same numbers. Every value that is
missing, NaN, infinite or out of its range fails, and a name that two lanes share fails for both.
"""

from __future__ import annotations

import math
from typing import Any

import great_expectations.expectations as gxe
import pandas as pd
from great_expectations.expectations.row_conditions import Column

from featherline.tasks.contracts.measurement import Finding
from featherline.tasks.contracts.steps.validate_metrics import GateRules
from featherline.tasks.judging.candidates.numbers import ANEW, judge_numbers
from featherline.tasks.judging.candidates.proofs import judge_proofs
from featherline.tasks.judging.candidates.rules import Bound, bounds_of
from featherline.tasks.judging.candidates.subject import NAME, Subject
from featherline.tasks.judging.expectations import judge
from featherline.tasks.problems.protocol import Constant, Problem

OTHER_CHAMPION = (
    "give the alias champion to a version whose measurement is whole (featherline rollback), or release under another "
    "name (release.name), which has no champion yet"
)


def judge_candidates(
    subjects: list[Subject],
    rules: GateRules,
    constant: Constant,
    problem: Problem,
    untested: tuple[str, ...] = (),
) -> tuple[Finding, ...]:
    """Judge every candidate by every rule.

    Args:
        subjects: The candidates.
        rules: Of the recipe.
        constant: What the best constant answer reaches.
        problem: Which is to be solved.
        untested: Slices without a sample in the test split.

    Returns:
        For each candidate: `numbers`, `name`, `unique`, `evidence`, the bounds of `rules` (critical), and what is
        proven of it (warnings). None where there are no candidates.
    """
    if not subjects:
        return ()
    champion = any(subject.champion_drop for subject in subjects)
    bounds = bounds_of(rules, champion=champion, constant=constant, problem=problem)
    labels = list(dict.fromkeys(subject.label for subject in subjects))
    table = table_of(subjects, bounds)
    suite = [expectation for label in labels for expectation in _expectations(label, bounds)]
    judged = judge(table, suite, suite="candidates", index="candidate")
    findings = [*judge_numbers(subjects, problem.quality)]
    for finding in judged:
        same = [subject for subject in subjects if subject.label == finding.subject]
        findings.append(_told(finding, same[0], {rule.name: rule for rule in bounds}))
    findings += [warning for subject in subjects for warning in judge_proofs(subject, rules, constant, untested)]
    return tuple(sorted(findings, key=lambda finding: labels.index(finding.subject)))


def table_of(subjects: list[Subject], bounds: list[Bound]) -> pd.DataFrame:
    """Return one row a candidate: its label, its name, its fault, and what the rules bound."""
    return pd.DataFrame(
        {
            "candidate": [subject.label for subject in subjects],
            "name": [subject.measured.name for subject in subjects],
            "fault": [subject.fault for subject in subjects],
            **{rule.name: [rule.value(subject) for subject in subjects] for rule in bounds},
        }
    )


def _expectations(label: str, bounds: list[Bound]) -> list[Any]:
    def only(rule: str, expected: str, fix: str) -> dict[str, Any]:
        return {
            "row_condition": Column("candidate") == label,
            "severity": "critical",
            "meta": {"rule": rule, "subject": label, "expected": expected, "fix": fix},
        }

    return [
        gxe.ExpectColumnValuesToMatchRegex(
            column="name", regex=NAME, **only("name", "a measurement that names its candidate", ANEW)
        ),
        gxe.ExpectColumnValuesToBeUnique(
            column="candidate",
            **only("unique", "one measurement a candidate", "give each candidate a name of its own"),
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="fault",
            value_set=[""],
            **only("evidence", "numbers that the file's own outputs on this test split give", ANEW),
        ),
        *(
            gxe.ExpectColumnValuesToBeBetween(
                column=rule.name,
                min_value=rule.minimum,
                max_value=rule.maximum,
                **only(rule.name, rule.expected, rule.fix),
            )
            for rule in bounds
        ),
    ]


def _told(finding: Finding, subject: Subject, bounds: dict[str, Bound]) -> Finding:
    """Return the finding with the value in words and the margin; where GX failed on a good value, with GX's words."""
    rule = bounds.get(finding.rule)
    fix = "" if finding.passed else finding.fix
    if rule is None:
        words = {"name": subject.measured.name or "no name", "evidence": subject.fault or "they agree"}
        good = {"unique": "one measurement"} | words if finding.passed else words
        return finding.model_copy(update={"got": good.get(finding.rule, finding.got), "fix": fix})
    value = rule.value(subject)
    margin = rule.margin(value)
    explained = finding.passed or margin is None or margin < 0
    got = rule.got(subject) if explained else finding.got
    if fix and not math.isfinite(value):  # no bound lets it through
        fix = OTHER_CHAMPION if rule.name == "max_champion_drop" and not subject.fault else ANEW
    return finding.model_copy(update={"got": got, "margin": margin, "fix": fix})
