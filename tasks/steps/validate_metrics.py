"""Validate metrics: judge every exported candidate by the recipe's rules, the float baseline and the champion.

    measurements, targets, champion ──► [validate_metrics] ──► verdict, a finding a candidate and rule

The gate is open when at least one candidate passed all its critical findings (`Verdict.passed_candidates`). A bad
candidate is a finding, not a refusal: `select` refuses where no candidate is left. A drop is judged by its point; that
its interval reaches beyond the rule is a warning, because a small test split can prove little, and makes the candidate
borderline (`tasks/judging/candidates/proofs.py`).

    python -m featherline.tasks validate_metrics --request request.json --result result.json --store var/store
"""

from __future__ import annotations

from dataclasses import replace

from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.measurement import Finding
from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.contracts.steps.evaluate import EvaluateOutputs
from featherline.tasks.contracts.steps.validate_metrics import (
    ValidateMetricsInputs,
    ValidateMetricsOutputs,
    ValidateMetricsParams,
)
from featherline.tasks.judging.candidates.compare import Comparison, compare, slice_drop
from featherline.tasks.judging.candidates.measured import Measured, TestSplit, read_measured, read_test_split
from featherline.tasks.judging.candidates.subject import Subject, label_of
from featherline.tasks.judging.candidates.suite import judge_candidates
from featherline.tasks.judging.verdicts import put_verdict
from featherline.tasks.running.context import Context
from featherline.tasks.store.artifacts import Store

UNKNOWN = Comparison(float("nan"), float("nan"), float("nan"), float("nan"))


def validate_metrics(
    inputs: ValidateMetricsInputs, params: ValidateMetricsParams, context: Context
) -> ValidateMetricsOutputs:
    """Judge every lane's measurement and store the verdict.

    Raises:
        Refused: There is no lane to judge.
    """
    if not inputs.lanes:
        raise refuse(
            "validate_metrics has no candidate to judge",
            expected="the measurement of at least one lane",
            got="0 lanes: every candidate was infeasible, or its lane failed",
            fix="read the first failed task of each lane, mend it, and clear it: what is done is not run again",
        )
    store = context.store
    dataset = store.read(inputs.data, Dataset)
    split = read_test_split(store, dataset)
    baseline = _measured(store, inputs.baseline, split)
    champion = read_measured(store, inputs.champion.measurement, split) if inputs.champion else None
    problem, names = split.problem, split.problem.slice_names(split.vocabulary)
    subjects = []
    for number, lane in enumerate(inputs.lanes, start=1):
        measured = _measured(store, lane, split)
        worst, position = slice_drop(baseline, measured)
        subjects.append(
            Subject(
                label=label_of(measured.name, number),
                measured=measured,
                fault=measured.fault,
                drop=UNKNOWN if baseline.fault else compare(baseline, measured, seed=context.seed),
                slice_drop=(worst, names[position] if position >= 0 else ""),
                champion_drop=_against_champion(champion, measured, context.seed) if champion else None,
            )
        )
    if baseline.fault:
        print(f"the float baseline proves nothing: {baseline.fault}")
    constant = problem.constant(split.targets)
    untested = tuple(names[number] for number in range(len(names)) if number not in problem.strata(split.targets))
    findings = judge_candidates(subjects, params.rules, constant, problem, untested)
    ref, verdict = put_verdict(store, "metrics", findings, title=f"Candidates of {context.provenance.recipe}")
    passed = verdict.passed_candidates()
    for subject in subjects:
        broken = [item.rule for item in findings if item.subject == subject.label and _blocks(item)]
        outcome = "pass" if subject.label in passed else f"fail: {', '.join(broken)}"
        figures = f"{problem.quality.told(subject.measured.quality)}, drop {problem.quality.amount(subject.drop.drop)}"
        print(f"{subject.label:<24} {figures}  {outcome}")
    print(f"{len(passed)} of {len(subjects)} candidates passed; the gate is {'open' if verdict.passed else 'closed'}")
    return ValidateMetricsOutputs(verdict=ref)


def _measured(store: Store, lane: EvaluateOutputs, split: TestSplit) -> Measured:
    """Return a lane's measurement, which is no evidence when it is of another file than the lane exported."""
    measured = read_measured(store, lane.measurement, split)
    if measured.file_sha256 == lane.model.file.sha256:
        return measured
    return replace(measured, scores=None, fault="it measured another file than the lane exported")


def _against_champion(champion: Measured, measured: Measured, seed: int) -> Comparison:
    """Return the drop, paired on the same test split, unpaired on another; unknown where the champion is broken."""
    return UNKNOWN if champion.fault and not champion.elsewhere else compare(champion, measured, seed=seed)


def _blocks(finding: Finding) -> bool:
    return finding.severity == "critical" and not finding.passed
