"""The numbers of every candidate: all there, finite and in their range, else the gate is closed for it.

rows (candidate, number, value, least, most) ──► least <= value <= most ──► one finding a candidate
"""

from __future__ import annotations

from typing import Any

import great_expectations.expectations as gxe
import pandas as pd
from great_expectations.expectations.row_conditions import Column

from featherline.tasks.contracts.measurement import Finding
from featherline.tasks.contracts.quality import QualityMetric
from featherline.tasks.contracts.refusal import examples
from featherline.tasks.judging.candidates.measured import numbers_of
from featherline.tasks.judging.candidates.subject import Subject
from featherline.tasks.judging.expectations import judge

ANEW = "start a run with ignore_cache, which measures anew; if it is still broken, so is the exported file"


def judge_numbers(subjects: list[Subject], metric: QualityMetric) -> list[Finding]:
    """Judge whether every number is there, finite and in its range: one finding a candidate."""
    numbers = numbers_of(metric)
    labels = list(dict.fromkeys(subject.label for subject in subjects))
    rows: list[dict[str, Any]] = [
        {
            "candidate": subject.label,
            "number": name,
            "value": subject.measured.numbers[name],
            "least": low,
            "most": high,
        }
        for subject in subjects
        for name, (low, high) in numbers.items()
    ]
    pairs = (("value", "least"), ("most", "value"))
    suite = [
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A=larger,
            column_B=smaller,
            or_equal=True,
            ignore_row_if="neither",
            row_condition=Column("candidate") == label,
            meta={"subject": label},
        )
        for label in labels
        for larger, smaller in pairs
    ]
    judged = judge(pd.DataFrame(rows), suite, suite="numbers", index="number")
    findings = []
    for position, label in enumerate(labels):
        both = judged[2 * position : 2 * position + 2]
        broken = [
            f"{row['number']} is {row['value']:g}"
            for row in rows
            if row["candidate"] == label and not row["least"] <= row["value"] <= row["most"]
        ]
        passed = all(finding.passed for finding in both)
        findings.append(
            Finding(
                rule="numbers",
                subject=label,
                passed=passed,
                expected=f"all {len(numbers)} numbers of the measurement present, finite and in their range",
                got=f"all {len(numbers)}"
                if passed
                else examples(broken) or "; ".join(item.got for item in both if not item.passed),
                fix="" if passed else ANEW,
            )
        )
    return findings
