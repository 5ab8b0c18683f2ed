"""The report of a run that ended before there were files to compare: why, and all that is known.

refused steps, closed gate, data, teacher, lanes ──► templates/early.html ──► page
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from featherline.tasks.contracts.candidate import Infeasible
from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.measurement import Finding, Measurement, Verdict
from featherline.tasks.contracts.model import TrainingHistory
from featherline.tasks.contracts.steps.report import ReportInputs, ReportParams
from featherline.tasks.contracts.steps.train import ValidationMetrics
from featherline.tasks.contracts.trials import Trials
from featherline.tasks.data.intake_words import intake_rows
from featherline.tasks.reporting import curves
from featherline.tasks.reporting.facts import read_whole
from featherline.tasks.reporting.nothing import Missed, Told, Unmeasured, told, unmeasured, why_nothing
from featherline.tasks.reporting.page import environment_of_pages
from featherline.tasks.running.context import Context
from featherline.tasks.running.run_records import refusals

GATES = {"validate_data": "data", "validate_model": "model"}
"""The gates that refuse at once, by their step: their verdict lies in the run's folder."""


@dataclass(frozen=True)
class Early:
    """What is known of a run whose lanes did not finish.

    Attributes:
        nothing: Why nothing was released.
        told: The problems of every step that was refused.
        findings: What a gate that was closed found against its subject.
        dataset: None where there is none.
        metrics: Of the float model on the validation split.
        baseline: The measured float file.
        measured: The lanes that were measured, all the same.
        lanes: None: nobody was ranked.
        unmeasured: Candidates that were planned and not measured.
        infeasible: Candidates that cannot fit the device.
        histories: Of the float model.
        trials: Of the search.
        missed: None: nobody was judged.
    """

    nothing: str
    told: tuple[Told, ...]
    findings: tuple[Finding, ...]
    dataset: Dataset | None
    metrics: ValidationMetrics | None
    baseline: Measurement | None
    measured: tuple[Measurement, ...]
    unmeasured: tuple[Unmeasured, ...]
    infeasible: tuple[Infeasible, ...]
    histories: tuple[TrainingHistory, ...]
    trials: Trials | None
    provenance: tuple[tuple[str, str], ...]
    lanes: tuple[()] = ()
    missed: tuple[Missed, ...] = ()


def gather_early(inputs: ReportInputs, context: Context) -> Early:
    """Read all results of the run.

    Raises:
        Damaged: Something is gone from the store.
    """
    store = context.store
    refused = refusals(store, context.provenance.run_id)
    lanes = [read_whole(store, lane.measurement, number) for number, lane in enumerate(inputs.lanes, start=1)]
    found = {
        "float baseline": inputs.model.file.sha256 if inputs.model else None,
        "data set": inputs.data.sha256 if inputs.data else None,
        "verdict": inputs.verdict.sha256 if inputs.verdict else None,
    }
    return Early(
        nothing=why_nothing(inputs, refused),
        told=told(refused),
        findings=_findings(context, {record.step for record in refused}),
        dataset=store.read(inputs.data, Dataset) if inputs.data else None,
        metrics=inputs.metrics,
        baseline=read_whole(store, inputs.baseline.measurement, 0)[1] if inputs.baseline else None,
        measured=tuple(measurement for _, measurement in lanes if measurement is not None),
        unmeasured=unmeasured(inputs, refused, [name for name, _ in lanes]),
        infeasible=inputs.plan.infeasible,
        histories=tuple(store.read(ref, TrainingHistory) for ref in inputs.model.histories) if inputs.model else (),
        trials=store.read(inputs.trials, Trials) if inputs.trials else None,
        provenance=tuple((name, value) for name, value in found.items() if value is not None),
    )


def _findings(context: Context, refused: set[str]) -> tuple[Finding, ...]:
    folder = f"runs/{context.provenance.run_id}/verdicts"
    verdicts = []
    for step, gate in GATES.items():
        data = context.store.blobs.read(f"{folder}/{gate}.json") if step in refused else None
        with suppress(ValidationError):  # damaged: the refusal itself is told all the same
            verdicts += [] if data is None else [Verdict.model_validate_json(data)]
    return tuple(finding for verdict in verdicts for finding in verdict.findings if not finding.passed)


def render_early(facts: Early, params: ReportParams, context: Context) -> str:
    """Return the page as HTML. Equal facts give equal bytes."""
    figures: dict[str, Any] = {
        "float": curves.training(facts.histories, "float baseline"),
        "search": curves.search(facts.trials) if facts.trials else None,
    }
    return (
        environment_of_pages()
        .get_template("early.html")
        .render(
            facts=facts,
            params=params,
            made_by=context.provenance,
            seed=context.seed,
            figures=figures,
            provenance=facts.provenance,
            classes=_classes(facts),
            intake=intake_rows(facts.dataset) if facts.dataset else (),
        )
    )


def _classes(facts: Early) -> list[dict[str, Any]]:
    """Return a row for each class: its name, its images by split, and the float model's recall."""
    if facts.dataset is None:
        return []
    recalls = facts.metrics.slices if facts.metrics else ()
    return [
        {
            "name": name,
            "images": [split.strata[place] for split in facts.dataset.splits.values()],
            "recall": recalls[place].quality if place < len(recalls) else None,
        }
        for place, name in enumerate(facts.dataset.vocabulary)
    ]
