"""Validate model: the second gate. No hours go into lanes behind a bad teacher.

    metrics of the float baseline, last accepted baseline ──► Great Expectations ──► Verdict
                                                                                        │ open: on, into the ledger
                                                                                        └ shut: refused, with the page

"Not worse" is measured from the baseline of the same recipe that was accepted before this one; a first one has none.

    python -m tasks validate_model --request request.json --result result.json --store var/store
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from great_expectations.expectations import ExpectColumnValuesToBeBetween
from great_expectations.expectations.expectation import Expectation

from tasks import ledger
from tasks.context import Context
from tasks.contracts.baseline import ClassMetrics, ValidateModelInputs, ValidateModelOutputs, ValidateModelParams
from tasks.contracts.measurement import Finding
from tasks.expectations import judge
from tasks.verdicts import put_verdict, shut_gate

ROUNDING = 1e-9
"""An accuracy that stands on a rule keeps it, whatever the last bit of a difference says."""

LARGEST = float(np.finfo(np.float64).max)


def validate_model(inputs: ValidateModelInputs, params: ValidateModelParams, context: Context) -> ValidateModelOutputs:
    """Judge the float baseline, and remember it where the gate opens.

    Raises:
        Refused: A rule is broken. The verdict also lies in the run's folder.
    """
    subject = inputs.model.file.sha256
    entry = ledger.previous(context.store, params.recipe, "baseline", subject)
    before = float(entry.content["accuracy"]) if entry else None
    findings = find(inputs.metrics, before, params)
    ref, verdict = put_verdict(context.store, "model", findings, title=f"Float baseline of {params.recipe}")
    compared = f"the last accepted one had {before:.4f}" if before is not None else "the first of its recipe"
    failed = sum(not finding.passed for finding in findings)
    print(f"validate_model: accuracy {inputs.metrics.accuracy:.4f}, {compared}; {len(findings)} rules, {failed} failed")
    if not verdict.passed:
        raise shut_gate(context, verdict)
    ledger.accept(context.store, params.recipe, "baseline", subject, {"accuracy": inputs.metrics.accuracy})
    return ValidateModelOutputs(model=inputs.model, verdict=ref)


def find(metrics: ClassMetrics, before: float | None, params: ValidateModelParams) -> tuple[Finding, ...]:
    """Return what each rule finds. A class without images in the validation split counts as dead.

    Args:
        metrics: Of the float baseline, on the validation split.
        before: Accuracy of the last accepted baseline of the recipe.
        params: The rules.
    """
    whole = pd.DataFrame({"model": ["baseline"], "accuracy": [metrics.accuracy], "loss": [metrics.loss]})
    recalls = [np.nan if recall is None else recall for recall in metrics.class_recall]
    classes = pd.DataFrame({"class": [f"class {label}" for label in range(len(recalls))], "recall": recalls})
    found = judge(whole, _model_rules(before, params), suite="baseline", index="model")
    return found + judge(classes, [_alive(params)], suite="classes", index="class")


def _model_rules(before: float | None, params: ValidateModelParams) -> list[Expectation]:
    rules = [
        _at_least(
            "loss",
            0.0,
            rule="finite_loss",
            expected="a finite cross entropy on the validation split",
            fix="lower train.learning_rate and run again",
        ),
        _at_least(
            "accuracy",
            params.min_accuracy,
            rule="min_accuracy",
            expected=f"validation accuracy of at least {params.min_accuracy:g} (train.checks.min_accuracy)",
            fix="train longer, or take a larger network or better data",
        ),
    ]
    if before is not None:
        floor = max(before - params.max_drop, 0.0)
        rules.append(
            _at_least(
                "accuracy",
                floor,
                rule="max_drop",
                expected=f"accuracy of at least {floor:.4f}: the last accepted baseline had {before:.4f}, "
                f"and may be missed by {params.max_drop:g} (train.checks.max_drop)",
                fix="look for what changed in data or recipe; where the fall is meant, allow it or rename the recipe",
            )
        )
    return rules


def _alive(params: ValidateModelParams) -> Expectation:
    return _at_least(
        "recall",
        params.min_class_recall,
        rule="class_alive",
        expected=f"a recall of at least {params.min_class_recall:g} for every class (train.checks.min_class_recall)",
        fix="give the class more images, or train longer",
    )


def _at_least(column: str, least: float, **meta: Any) -> Expectation:  # noqa: ANN401 - texts of the finding
    return ExpectColumnValuesToBeBetween(
        column=column,
        min_value=max(least - ROUNDING, 0.0),
        max_value=LARGEST,
        severity="critical",
        meta={"subject": "the float baseline", **meta},
    )
