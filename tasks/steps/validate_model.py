"""Validate model: the second gate. No hours go into lanes behind a bad teacher.

    metrics of the float baseline, last accepted baseline ──► Great Expectations ──► Verdict
                                                                                        │ open: on, into the ledger
                                                                                        └ closed: refused, with the page

"Not worse" is measured from the baseline of the same recipe that was accepted before this one; a first one has none.

    python -m featherline.tasks validate_model --request request.json --result result.json --store var/store
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from great_expectations.expectations import ExpectColumnValuesToBeBetween
from great_expectations.expectations.expectation import Expectation

from featherline.tasks.contracts.measurement import Finding
from featherline.tasks.contracts.problems.classification import accepted_quality
from featherline.tasks.contracts.quality import QualityMetric
from featherline.tasks.contracts.refusal import examples
from featherline.tasks.contracts.steps.train import ValidationMetrics
from featherline.tasks.contracts.steps.validate_model import (
    ValidateModelInputs,
    ValidateModelOutputs,
    ValidateModelParams,
)
from featherline.tasks.contracts.words import percent
from featherline.tasks.judging.expectations import judge
from featherline.tasks.judging.verdicts import put_verdict, shut_gate
from featherline.tasks.problems.opening import open_problem
from featherline.tasks.problems.protocol import Guess, Problem
from featherline.tasks.running.context import Context
from featherline.tasks.store import accepted

ROUNDING = 1e-9
"""A quality that stands on a rule keeps it, whatever the last bit of a difference says."""

TOLD = {"min_quality": "quality", "max_drop": "quality", "better_than_a_guess": "guess"}
"""Rules whose value is told in words as their bound is, by the column that they judge."""

CLASSIFICATION = open_problem("classification")
LARGEST = float(np.finfo(np.float64).max)


def validate_model(inputs: ValidateModelInputs, params: ValidateModelParams, context: Context) -> ValidateModelOutputs:
    """Judge the float baseline, and remember it where the gate opens.

    Raises:
        Refused: A rule is broken. The verdict also lies in the run's folder.
    """
    subject = inputs.model.file.sha256
    entry = accepted.previous(context.store, params.recipe, "baseline", subject)
    metric = inputs.metrics.metric
    before = _before(entry, metric)
    problem = open_problem(inputs.metrics.problem)
    findings = find(inputs.metrics, before, params, problem=problem, trained=bool(inputs.model.histories))
    ref, verdict = put_verdict(context.store, "model", findings, title=f"Float baseline of {params.recipe}")
    compared = f"the last accepted one had {metric.text(before)}" if before is not None else "the first of its recipe"
    failed = sum(not finding.passed for finding in findings)
    reached = metric.told(inputs.metrics.quality)
    print(f"validate_model: {reached}, {compared}; {len(findings)} rules, {failed} failed")
    if not verdict.passed:
        raise shut_gate(context, verdict)
    content = {"quality": inputs.metrics.quality, "metric": metric.name}
    accepted.accept(context.store, params.recipe, "baseline", subject, content)
    return ValidateModelOutputs(model=inputs.model, verdict=ref)


def _before(entry: accepted.Entry | None, metric: QualityMetric) -> float | None:
    """Return the quality of the last accepted baseline; None where there is none, or one that another metric judged."""
    return None if entry is None else accepted_quality(entry.content, metric)


def find(
    metrics: ValidationMetrics,
    before: float | None,
    params: ValidateModelParams,
    *,
    problem: Problem = CLASSIFICATION,
    trained: bool = True,
) -> tuple[Finding, ...]:
    """Return what each rule finds. A slice without samples in the validation split counts as dead.

    Args:
        metrics: Of the float baseline, on the validation split.
        before: Quality of the last accepted baseline of the recipe.
        params: The rules.
        problem: Which is to be solved.
        trained: Whether this run trained it; else it is a file that was taken as it is.
    """
    metric, guess = metrics.metric, problem.guess(metrics.slices, metrics.samples)
    row = {"model": "baseline", "quality": metrics.quality, "loss": metrics.loss}
    row |= {"guess": guess.value} if guess else {}
    rules = [*_model_rules(before, params, problem, trained=trained), *_no_guess(guess, params, metric)]
    found = tuple(
        one.model_copy(update={"got": _told(one.rule, row, metric)}) if one.rule in TOLD else one
        for one in judge(pd.DataFrame([row]), rules, suite="baseline", index="model")
    )
    return found + _slices(metrics, params, problem)


def _slices(metrics: ValidationMetrics, params: ValidateModelParams, problem: Problem) -> tuple[Finding, ...]:
    """Return whether every slice is alive, where the problem has slices."""
    if not metrics.slices:
        return ()
    metric, words = metrics.metric, problem.words
    floor = problem.slice_floor if params.min_slice_quality is None else params.min_slice_quality
    qualities = [np.nan if one.quality is None else one.quality for one in metrics.slices]
    names = [f"{words.slice} {one.name}" for one in metrics.slices]
    table = pd.DataFrame({"slice": names, "quality": qualities})
    rule = _no_worse(
        "quality",
        floor,
        metric,
        rule="slices_alive",
        expected=f"a {words.slice_quality} of {metric.bound_word} {metric.text(floor)} for every {words.slice} "
        "(train.checks.min_slice_quality)",
        fix=f"give the {words.slice} more {words.unit}s, or train longer",
    )
    alive = judge(table, [rule], suite=words.slices, index="slice")
    dead = [(name, value) for name, value in zip(names, qualities, strict=True) if not metric.drop(floor, value) <= 0]
    if dead:
        shares = examples(f"{metric.text(value)} ({name})" for name, value in dead)
        told = f"{len(dead)} of {len(qualities)}: {shares}"
        alive = tuple(one.model_copy(update={"got": told}) for one in alive)
    return alive


def _told(rule: str, row: dict[str, Any], metric: QualityMetric) -> str:
    value = float(row[TOLD[rule]])
    return percent(value) if TOLD[rule] == "guess" else metric.text(value)


def _model_rules(
    before: float | None, params: ValidateModelParams, problem: Problem, *, trained: bool
) -> list[Expectation]:
    metric, floor = problem.quality, floor_of(params, problem)
    rules = [
        _at_least(
            "loss",
            -LARGEST,
            rule="finite_loss",
            expected="a finite loss on the validation split",
            fix="lower train.learning_rate and run again",
        ),
        _no_worse(
            "quality",
            floor,
            metric,
            rule="min_quality",
            expected=f"validation {metric.name} of {metric.bound_word} {metric.text(floor)} (train.checks.min_quality)",
            fix="train longer, or take a larger network or better data"
            if trained
            else f"train the file further (train.epochs above 0), or take one that knows these {problem.words.unit}s "
            "better",
        ),
    ]
    if before is not None:
        last = metric.lowered(before, params.max_drop)
        rules.append(
            _no_worse(
                "quality",
                last,
                metric,
                rule="max_drop",
                expected=f"{metric.name} of {metric.bound_word} {metric.text(last)}: the last accepted baseline had "
                f"{metric.text(before)}, and may be missed by {metric.amount(params.max_drop)} (train.checks.max_drop)",
                fix="look for what changed in data or recipe; where the fall is meant, allow it or rename the recipe",
            )
        )
    return rules


def floor_of(params: ValidateModelParams, problem: Problem = CLASSIFICATION) -> float:
    """Return the worst quality of a teacher: the recipe's own, else the problem's."""
    return problem.teacher_floor if params.min_quality is None else params.min_quality


def _no_guess(guess: Guess | None, params: ValidateModelParams, metric: QualityMetric) -> list[Expectation]:
    """Return the rule that the teacher has learnt something, unless the recipe's own floor says more.

    The recipe may name a floor that a guess reaches; then the rule only warns.
    """
    if guess is None or (params.min_quality is not None and metric.reward(params.min_quality) > guess.floor):
        return []
    return [
        _at_least(
            "guess",
            guess.floor,
            severity="critical" if params.min_quality is None else "warning",
            rule="better_than_a_guess",
            expected=guess.expected,
            fix="look at whether preprocessing, targets and the order of the answers are the model's; train longer",
        )
    ]


def _no_worse(column: str, floor: float, metric: QualityMetric, **meta: Any) -> Expectation:  # noqa: ANN401 - texts
    """Return the rule that a value is no worse than a floor."""
    if metric.higher_is_better:
        return _at_least(column, floor, **meta)
    return ExpectColumnValuesToBeBetween(
        column=column,
        min_value=-LARGEST,
        max_value=floor + ROUNDING,
        severity="critical",
        meta={"subject": "the float baseline", **meta},
    )


def _at_least(
    column: str,
    least: float,
    severity: str = "critical",
    **meta: Any,  # noqa: ANN401 - texts of the finding
) -> Expectation:
    return ExpectColumnValuesToBeBetween(
        column=column,
        min_value=least - ROUNDING,
        max_value=LARGEST,
        severity=severity,
        meta={"subject": "the float baseline", **meta},
    )
