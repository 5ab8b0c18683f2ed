"""The result of a run, in one small file: `summary.json`.

    runs/<run_id>/steps/*.json + measurements ──► Summary ──► var/demo/ or var/runs/<run_id>/

Everything is read from the store, where the steps left it; Airflow is asked for nothing but the run's state.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from featherline.tasks.contracts.base import Contract
from featherline.tasks.contracts.measurement import Measurement, Verdict
from featherline.tasks.contracts.quality import SHARE, QualityMetric
from featherline.tasks.contracts.references import MeasurementRef, PageRef, VerdictRef
from featherline.tasks.contracts.request import StepRecord
from featherline.tasks.contracts.steps.plan import PlanOutputs
from featherline.tasks.contracts.steps.propose import ProposeOutputs
from featherline.tasks.contracts.steps.register import Registration
from featherline.tasks.contracts.steps.resolve import Unchanged
from featherline.tasks.contracts.steps.select import SelectOutputs
from featherline.tasks.contracts.stored import OtherFormat, Stored
from featherline.tasks.store.artifacts import Store
from featherline.whole_file import write_whole

Records = Mapping[tuple[str, str], StepRecord]
"""What became of each task, by step and label."""


class BaselineSummary(Contract):
    """The exported float model."""

    metric: QualityMetric = SHARE
    quality: float
    size_bytes: int
    macs: int


class CandidateSummary(Contract):
    """A candidate's figures, where it came so far, and its fate."""

    name: str
    quality: float | None = None
    quality_low: float | None = None
    quality_high: float | None = None
    size_bytes: int | None = None
    gzip_bytes: int | None = None
    macs: int | None = None
    peak_ram_bytes: int | None = None
    latency_ms_p50: float | None = None
    verdict: Literal["pass", "fail", "infeasible"]
    reason: str


class RegistrySummary(Contract):
    """The version that the run registered, with the alias that it has now."""

    name: str
    version: str
    alias: str


class Summary(Stored):
    """The whole run. What it did not reach is null."""

    format: Literal[2] = 2
    """Format 1 called quality accuracy."""
    run_id: str
    state: str
    seconds: float
    hits: int
    misses: int
    baseline: BaselineSummary | None
    candidates: tuple[CandidateSummary, ...]
    selected: str | None
    release_uri: str | None
    registry: RegistrySummary | None
    report: str | None
    headline: str = ""
    """The run in one sentence."""
    unchanged_since: str | None = None
    """The run that this one would have repeated: what is told beside state, seconds, hits and misses is that one's."""

    @classmethod
    def of_older(cls, number: int, given: dict[str, Any]) -> dict[str, Any]:
        """Return a summary of format 1 in the words of today."""
        if number != 1:
            return given
        return given | {
            "baseline": _renamed(given["baseline"]),
            "candidates": [_renamed(candidate) for candidate in given["candidates"]],
        }


def _renamed(told: dict[str, Any] | None) -> dict[str, Any] | None:
    return told and {name.replace("accuracy", "quality"): value for name, value in told.items()}


def read_records(store: Store, run_id: str) -> Records:
    """Return the records of all tasks of a run whose step ended; one that is damaged is left out."""
    records: dict[tuple[str, str], StepRecord] = {}
    for key in store.blobs.keys(f"runs/{run_id}/steps/"):
        data = store.blobs.read(key)
        with suppress(ValidationError, OtherFormat):
            record = StepRecord.from_json(data or b"")
            records[record.step, record.label] = record
    return records


def summarise(
    store: Store,
    records: Records,
    *,
    run_id: str,
    state: str,
    seconds: float,
    folder: Path,
    failures: Mapping[tuple[str, str], str],
) -> Summary:
    """Put a run's results together, and the report and the model card beside where the summary will lie.

    Args:
        store: Of the run.
        records: Of `read_records`.
        run_id: The run.
        state: Airflow's last word on it.
        seconds: How long it took.
        folder: For `report.html` and `model-card.md`.
        failures: What each task that failed said, by step and label.
    """
    statuses = [record.status for record in records.values()]
    unchanged = (_outputs(records, "resolve") or {}).get("unchanged")
    if unchanged is not None:
        records = read_records(store, unchanged["run_id"])
    selection = _outputs(records, "select")
    registration = _outputs(records, "promote") or _outputs(records, "register")
    release = _outputs(records, "publish")
    return Summary(
        run_id=run_id,
        state=state,
        seconds=round(seconds, 1),
        hits=statuses.count("hit"),
        misses=statuses.count("ran") + statuses.count("refused"),
        baseline=_baseline(store, records),
        candidates=_candidates(store, records, failures),
        selected=SelectOutputs.model_validate(selection).winner if selection else None,
        release_uri=release["release"]["uri"] if release else None,
        registry=_registry(registration["registration"]) if registration else None,
        report=_pages(store, records, folder),
        headline=_unchanged(Unchanged.model_validate(unchanged)) if unchanged else _headline(records, state, failures),
        unchanged_since=unchanged["run_id"] if unchanged else None,
    )


def _unchanged(since: Unchanged) -> str:
    release = f"release {since.release.name} {since.release.version}, version {since.version} of the registry"
    return f"nothing changed since run {since.run_id} ({release}): the rest is skipped, --unchanged run runs it"


def _headline(records: Records, state: str, failures: Mapping[tuple[str, str], str]) -> str:
    """Return the report's own sentence, unless something failed after it; without a report, what failed first."""
    told = str((_outputs(records, "report") or {}).get("headline", ""))
    if state == "success" and told and _outputs(records, "promote") is None:
        return f"{told}; registered, and not promoted"
    if told and (state == "success" or _outputs(records, "select") is None):
        return told
    spine = [said for (_, label), said in failures.items() if not label] or list(failures.values())
    released = "released, and not promoted" if _outputs(records, "publish") else "nothing released"
    return f"{released}, because {spine[0]}" if spine else told


def _outputs(records: Records, step: str, label: str = "") -> dict[str, Any] | None:
    record = records.get((step, label))
    return record.outputs if record and record.status != "refused" else None


def _measurement(store: Store, records: Records, label: str) -> Measurement | None:
    outputs = _outputs(records, "evaluate", label)
    return store.read(MeasurementRef.model_validate(outputs["measurement"]), Measurement) if outputs else None


def _baseline(store: Store, records: Records) -> BaselineSummary | None:
    measured = _measurement(store, records, "baseline")
    if measured is None:
        return None
    return BaselineSummary(
        metric=measured.quality.metric,
        quality=measured.quality.value,
        size_bytes=measured.size_bytes,
        macs=measured.macs,
    )


def _candidates(
    store: Store, records: Records, failures: Mapping[tuple[str, str], str]
) -> tuple[CandidateSummary, ...]:
    outputs = _outputs(records, "plan")
    if outputs is None:
        return ()
    plan = PlanOutputs.model_validate(outputs)
    rounds = [
        ProposeOutputs.model_validate(record.outputs)
        for (step, _), record in sorted(records.items())
        if step == "propose" and record.status != "refused"
    ]
    fates = _fates(store, records, failures)
    unknown = ("fail", "the run ended before it was judged")
    planned = [
        _candidate(one.name, _measurement(store, records, one.name), *fates.get(one.name, unknown))
        for one in (*plan.candidates, *(candidate for found in rounds for candidate in found.candidates))
    ]
    refused = [CandidateSummary(name=one.name, verdict="infeasible", reason=one.reason) for one in plan.infeasible]
    return (*planned, *refused)


def _candidate(name: str, measured: Measurement | None, verdict: Any, reason: str) -> CandidateSummary:  # noqa: ANN401 - one of two words
    if measured is None:
        return CandidateSummary(name=name, verdict="fail", reason=reason)
    return CandidateSummary(
        name=name,
        quality=measured.quality.value,
        quality_low=measured.quality.low,
        quality_high=measured.quality.high,
        size_bytes=measured.size_bytes,
        gzip_bytes=measured.gzip_bytes,
        macs=measured.macs,
        peak_ram_bytes=measured.peak_ram_bytes,
        latency_ms_p50=measured.latency_ms.p50,
        verdict=verdict,
        reason=reason,
    )


def _fates(
    store: Store, records: Records, failures: Mapping[tuple[str, str], str]
) -> dict[str, tuple[Literal["pass", "fail"], str]]:
    """Return verdict and reason by candidate: of its own failure, else of the selection, else of the gate."""
    fates: dict[str, tuple[Literal["pass", "fail"], str]] = {}
    gate = _outputs(records, "validate_metrics")
    if gate is not None:
        verdict = store.read(VerdictRef.model_validate(gate["verdict"]), Verdict)
        for finding in verdict.findings:
            broken = not finding.passed and finding.severity == "critical"
            if finding.subject not in fates or broken:
                reason = f"{finding.rule}: expected {finding.expected}, got {finding.got}" if broken else "passed"
                fates[finding.subject] = ("fail" if broken else "pass", reason)
    selection = _outputs(records, "select")
    if selection is not None:
        ranking = SelectOutputs.model_validate(selection).ranking
        fates |= {ranked.name: (ranked.verdict, ranked.reason) for ranked in ranking}
    return fates | {label: ("fail", f"{step}: {said}") for (step, label), said in failures.items() if label}


def _registry(registration: dict[str, Any]) -> RegistrySummary:
    version = Registration.model_validate(registration)
    return RegistrySummary(name=version.name, version=version.version, alias=version.alias)


def _pages(store: Store, records: Records, folder: Path) -> str | None:
    outputs = _outputs(records, "report")
    if outputs is None:
        return None
    for output, name in (("page", "report.html"), ("card", "model-card.md")):
        write_whole(folder / name, store.read_bytes(PageRef.model_validate(outputs[output])))
    return str(folder / "report.html")
