"""Validate model: the second gate. No hours go into lanes behind a bad teacher.

    metrics of the float baseline, last accepted baseline ──► Great Expectations ──► Verdict
                                                                                        │ open: on, into the ledger
                                                                                        └ closed: refused, with the page

"Not worse" is measured from the baseline of the same recipe that was accepted before this one; a first one has none.

    python -m featherline.tasks validate_model --request request.json --result result.json --store var/store
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from great_expectations.expectations import ExpectColumnValuesToBeBetween
from great_expectations.expectations.expectation import Expectation

from featherline.tasks.contracts.measurement import Finding
from featherline.tasks.contracts.refusal import examples
from featherline.tasks.contracts.steps.train import ClassMetrics
from featherline.tasks.contracts.steps.validate_model import (
    ValidateModelInputs,
    ValidateModelOutputs,
    ValidateModelParams,
)
from featherline.tasks.contracts.words import amount, percent
from featherline.tasks.judging.expectations import judge
from featherline.tasks.judging.verdicts import put_verdict, shut_gate
from featherline.tasks.running.context import Context
from featherline.tasks.store import accepted

ROUNDING = 1e-9
"""An accuracy that stands on a rule keeps it, whatever the last bit of a difference says."""

SHARES = {"min_accuracy": "accuracy", "max_drop": "accuracy", "better_than_a_guess": "recall"}
"""Rules whose value is a share, told in percent as their bound is, by the column that they judge."""
UNNAMED_FLOOR = 0.5
"""Of a recipe that names none, which a teacher of two classes reaches by guessing: hence the rule beside it."""

SURE = 2.326
"""Standard deviations that a guess stays below in 99 of 100 cases."""

LARGEST = float(np.finfo(np.float64).max)


def validate_model(inputs: ValidateModelInputs, params: ValidateModelParams, context: Context) -> ValidateModelOutputs:
    """Judge the float baseline, and remember it where the gate opens.

    Raises:
        Refused: A rule is broken. The verdict also lies in the run's folder.
    """
    subject = inputs.model.file.sha256
    entry = accepted.previous(context.store, params.recipe, "baseline", subject)
    before = float(entry.content["accuracy"]) if entry else None
    findings = find(inputs.metrics, before, params, trained=bool(inputs.model.histories))
    ref, verdict = put_verdict(context.store, "model", findings, title=f"Float baseline of {params.recipe}")
    compared = f"the last accepted one had {percent(before)}" if before is not None else "the first of its recipe"
    failed = sum(not finding.passed for finding in findings)
    reached = percent(inputs.metrics.accuracy)
    print(f"validate_model: accuracy {reached}, {compared}; {len(findings)} rules, {failed} failed")
    if not verdict.passed:
        raise shut_gate(context, verdict)
    accepted.accept(context.store, params.recipe, "baseline", subject, {"accuracy": inputs.metrics.accuracy})
    return ValidateModelOutputs(model=inputs.model, verdict=ref)


def find(
    metrics: ClassMetrics, before: float | None, params: ValidateModelParams, *, trained: bool = True
) -> tuple[Finding, ...]:
    """Return what each rule finds. A class without images in the validation split counts as dead.

    Args:
        metrics: Of the float baseline, on the validation split.
        before: Accuracy of the last accepted baseline of the recipe.
        params: The rules.
        trained: Whether this run trained it; else it is a file that was taken as it is.
    """
    recalls = [np.nan if recall is None else recall for recall in metrics.class_recall]
    row = {"model": "baseline", "accuracy": metrics.accuracy, "loss": metrics.loss, "recall": float(np.mean(recalls))}
    whole = pd.DataFrame([row])
    classes = pd.DataFrame({"class": [f"class {label}" for label in range(len(recalls))], "recall": recalls})
    rules = [*_model_rules(before, params, trained=trained), *_no_guess(metrics, params)]
    found = tuple(
        one.model_copy(update={"got": percent(row[SHARES[one.rule]])}) if one.rule in SHARES else one  # type: ignore[arg-type]
        for one in judge(whole, rules, suite="baseline", index="model")
    )
    dead = [(label, recall) for label, recall in enumerate(recalls) if not recall >= params.min_class_recall]
    alive = judge(classes, [_alive(params)], suite="classes", index="class")
    if dead:
        shares = examples(f"{percent(recall)} (class {label})" for label, recall in dead)
        told = f"{len(dead)} of {len(recalls)}: {shares}"
        alive = tuple(one.model_copy(update={"got": told}) for one in alive)
    return found + alive


def _model_rules(before: float | None, params: ValidateModelParams, *, trained: bool) -> list[Expectation]:
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
            floor_of(params),
            rule="min_accuracy",
            expected=f"validation accuracy of at least {percent(floor_of(params))} (train.checks.min_accuracy)",
            fix="train longer, or take a larger network or better data"
            if trained
            else "train the file further (train.epochs above 0), or take one that knows these images better",
        ),
    ]
    if before is not None:
        floor = max(before - params.max_drop, 0.0)
        rules.append(
            _at_least(
                "accuracy",
                floor,
                rule="max_drop",
                expected=f"accuracy of at least {percent(floor)}: the last accepted baseline had {percent(before)}, "
                f"and may be missed by {amount(params.max_drop)} (train.checks.max_drop)",
                fix="look for what changed in data or recipe; where the fall is meant, allow it or rename the recipe",
            )
        )
    return rules


def floor_of(params: ValidateModelParams) -> float:
    """Return the least accuracy of a teacher: the recipe's own, else half of the images."""
    return UNNAMED_FLOOR if params.min_accuracy is None else params.min_accuracy


def _no_guess(metrics: ClassMetrics, params: ValidateModelParams) -> list[Expectation]:
    """Return the rule that the teacher has learnt something, unless the recipe's own floor says more.

    A constant answer, and a guess of whatever odds, have a mean recall of 1 / classes, however rare a class is. The
    recipe may name a floor that a guess reaches; then the rule only warns.
    """
    chance = 1 / max(len(metrics.class_recall), 1)
    samples = max(metrics.samples, 1)
    room = max(SURE * math.sqrt(chance * (1 - chance) / samples), 0.5 / samples)
    if params.min_accuracy is not None and params.min_accuracy > chance + room:
        return []
    return [
        _at_least(
            "recall",
            chance + room,
            severity="critical" if params.min_accuracy is None else "warning",
            rule="better_than_a_guess",
            expected=f"a mean recall of the classes of at least {percent(chance + room)}: "
            f"a guess has {percent(chance)}, give or take {amount(room)} on {metrics.samples} images",
            fix="look at whether preprocessing, labels and the order of the classes are the model's; train longer",
        )
    ]


def _alive(params: ValidateModelParams) -> Expectation:
    return _at_least(
        "recall",
        params.min_class_recall,
        rule="class_alive",
        expected=f"a recall of at least {percent(params.min_class_recall)} for every class "
        "(train.checks.min_class_recall)",
        fix="give the class more images, or train longer",
    )


def _at_least(
    column: str,
    least: float,
    severity: str = "critical",
    **meta: Any,  # noqa: ANN401 - texts of the finding
) -> Expectation:
    return ExpectColumnValuesToBeBetween(
        column=column,
        min_value=max(least - ROUNDING, 0.0),
        max_value=LARGEST,
        severity=severity,
        meta={"subject": "the float baseline", **meta},
    )
