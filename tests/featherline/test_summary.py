"""A run's summary, made of what its steps left in the store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from featherline.outcome import tell
from featherline.summary import Summary, read_records, summarise
from featherline.tasks.contracts.candidate import Candidate, Infeasible
from featherline.tasks.contracts.measurement import Finding, Latency, Measurement, Verdict
from featherline.tasks.contracts.model import Ends, LiteRTModel, Model
from featherline.tasks.contracts.problems.classification import ACCURACY
from featherline.tasks.contracts.quality import Quality
from featherline.tasks.contracts.references import (
    ArtifactRef,
    GoldenRef,
    LiteRTFileRef,
    MeasurementRef,
    ModelFileRef,
    PageRef,
    RecipeRef,
    Release,
    VerdictRef,
)
from featherline.tasks.contracts.request import StepRecord
from featherline.tasks.contracts.steps.evaluate import EvaluateOutputs
from featherline.tasks.contracts.steps.plan import PlanOutputs
from featherline.tasks.contracts.steps.promote import PromoteOutputs
from featherline.tasks.contracts.steps.propose import ProposeOutputs
from featherline.tasks.contracts.steps.publish import PublishOutputs
from featherline.tasks.contracts.steps.register import Registration
from featherline.tasks.contracts.steps.report import ReportOutputs
from featherline.tasks.contracts.steps.resolve import ResolveOutputs, Unchanged
from featherline.tasks.contracts.steps.select import Ranked, SelectOutputs
from featherline.tasks.contracts.steps.validate_metrics import ValidateMetricsOutputs
from featherline.tasks.store.artifacts import Store
from featherline.tasks.store.blobs import FolderBlobs

RUN = "digits-1"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Give an empty store in a folder."""
    return Store(FolderBlobs(tmp_path / "store"))


class Run:
    """A run that leaves records as the shell does."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def record(self, step: str, outputs: Any = None, label: str = "", status: Any = "ran", run_id: str = RUN) -> None:
        """Leave a step's record."""
        given = outputs.model_dump(mode="json") if outputs is not None else {}
        record = StepRecord(step=step, label=label, status=status, seconds=1.0, outputs=given)
        name = ".".join(filter(None, (step, label)))
        self.store.blobs.replace(f"runs/{run_id}/steps/{name}.json", record.to_json())

    def ref(self, kind: type[ArtifactRef], data: bytes = b"x") -> Any:
        """Leave an artifact."""
        return self.store.put_bytes(data, kind)

    def model(self) -> LiteRTModel:
        """Give an exported model."""
        source = Model(file=self.ref(ModelFileRef), parameters=10, macs=20, validation_quality=0.9)
        return LiteRTModel(
            file=self.ref(LiteRTFileRef),
            scheme="int8",
            golden=self.ref(GoldenRef),
            validation_quality=0.9,
            validation_slices=(),
            ends=Ends(inputs={}, outputs={}),
            source=source,
        )

    def measure(self, name: str, quality: float, size_bytes: int) -> EvaluateOutputs:
        """Leave the record of `evaluate` with its measurement."""
        measurement = Measurement(
            candidate=name,
            file=self.ref(LiteRTFileRef),
            scheme="int8",
            samples=100,
            quality=Quality(metric=ACCURACY, value=quality, low=quality - 0.01, high=quality + 0.01, confidence=0.95),
            slices=(),
            agreement=None,
            outputs=self.store.put_array(np.zeros((1, 1), np.float32)),
            test_sha256="0" * 64,
            size_bytes=size_bytes,
            gzip_bytes=size_bytes - 1,
            zstd_bytes=size_bytes - 2,
            entropy_bytes=size_bytes - 3,
            sparsity=0.0,
            distinct_weights=2,
            parameters=10,
            macs=20,
            peak_ram_bytes=30,
            peak_ram_method="liveness",
            latency_ms=Latency(p50=0.5, p90=0.6, p99=0.7, threads=1, runs=100, warm_up=10),
            energy_uj=1.0,
            energy_method="estimate",
            operators={"CONV_2D": 1},
            float_operators=0,
            minimum_runtime=None,
            runtime="a runtime",
            machine="a machine",
        )
        outputs = EvaluateOutputs(measurement=self.store.put(measurement, MeasurementRef), model=self.model())
        self.record("evaluate", outputs, name)
        return outputs

    def summary(
        self, state: str, folder: Path, failures: dict[tuple[str, str], str] | None = None, run_id: str = RUN
    ) -> Summary:
        """Sum it up."""
        return summarise(
            self.store,
            read_records(self.store, run_id),
            run_id=run_id,
            state=state,
            seconds=12.34,
            folder=folder,
            failures=failures or {},
        )


@pytest.fixture
def run(store: Store) -> Run:
    """Give a run with a baseline, three planned candidates and one that cannot fit; `lost` never arrived."""
    run = Run(store)
    run.record("train", status="hit")
    run.record("resolve")
    names = ("good", "poor", "lost")
    infeasible = (Infeasible(name="large", reason="20 MACs, the device carries 10"),)
    run.record("plan", PlanOutputs(candidates=tuple(Candidate(name=name) for name in names), infeasible=infeasible))
    run.record("prune", label="good", status="unchanged")
    run.measure("baseline", 0.98, 1000)
    run.measure("good", 0.97, 100)
    run.measure("poor", 0.80, 90)
    return run


def judged(run: Run) -> None:
    """Let the gate judge: `poor` breaks a rule."""
    findings = (
        Finding(rule="max_drop", subject="good", passed=True, expected="at most 0.02", got="0.01"),
        Finding(rule="max_drop", subject="poor", passed=False, expected="at most 0.02", got="0.18"),
    )
    verdict = Verdict(gate="metrics", passed=True, findings=findings, page=run.ref(PageRef))
    run.record("validate_metrics", ValidateMetricsOutputs(verdict=run.store.put(verdict, VerdictRef)))


def reported(run: Run, headline: str) -> None:
    """Let the report tell the run in one sentence."""
    page, card = run.ref(PageRef, b"<html>"), run.ref(PageRef, b"# card")
    run.record("report", ReportOutputs(page=page, card=card, headline=headline))


def released(run: Run) -> None:
    """Let the run come to its end."""
    outputs = EvaluateOutputs.model_validate(read_records(run.store, RUN)["evaluate", "good"].outputs)
    ranking = (
        Ranked(name="good", verdict="pass", on_front=True, reason="the smallest that passed"),
        Ranked(name="poor", verdict="fail", on_front=False, reason="max_drop: 0.18"),
    )
    selection = SelectOutputs(
        winner="good", model=outputs.model, measurement=outputs.measurement, ranking=ranking, borderline=False
    )
    run.record("select", selection)
    reported(run, "good wins: 10.0x smaller")
    release = Release(
        name="digits", version="abc", uri="s3://b/releases/digits/abc", model_sha256="0" * 64, manifest_sha256="1" * 64
    )
    run.record("publish", PublishOutputs(release=release, done_before=False))
    registration = Registration(registry="r", name="digits", version="3", alias="champion", model_sha256="0" * 64)
    run.record("promote", PromoteOutputs(registration=registration, done_before=True), status="hit")


def test_a_finished_run_is_summed_up(run: Run, tmp_path: Path):
    """Hits and misses are counted, what passed through counts as neither; the pages lie beside the summary."""
    judged(run)
    released(run)

    summary = run.summary("success", tmp_path / "out")

    assert (summary.hits, summary.misses, summary.seconds) == (2, 9, 12.3)
    assert summary.baseline is not None
    assert (summary.baseline.quality, summary.baseline.size_bytes, summary.baseline.macs) == (0.98, 1000, 20)
    assert summary.selected == "good"
    assert summary.release_uri == "s3://b/releases/digits/abc"
    assert summary.registry is not None
    assert summary.registry.model_dump() == {"name": "digits", "version": "3", "alias": "champion"}
    assert summary.report == str(tmp_path / "out" / "report.html")
    assert (tmp_path / "out" / "report.html").read_text() == "<html>"
    assert (tmp_path / "out" / "model-card.md").read_text() == "# card"


def test_every_candidate_has_a_fate(run: Run, tmp_path: Path):
    """The winner, the one that broke a rule, the one whose lane failed and the one that was never trained."""
    judged(run)
    released(run)

    summary = run.summary("success", tmp_path, {("export", "lost"): "the converter died"})

    fates = {one.name: (one.verdict, one.reason) for one in summary.candidates}
    assert fates == {
        "good": ("pass", "the smallest that passed"),
        "poor": ("fail", "max_drop: 0.18"),
        "lost": ("fail", "export: the converter died"),
        "large": ("infeasible", "20 MACs, the device carries 10"),
    }
    assert summary.candidates[0].latency_ms_p50 == 0.5
    assert summary.candidates[2].quality is None


def test_the_candidates_of_further_rounds_follow_those_of_the_plan(run: Run, tmp_path: Path):
    """One that was measured and one whose lane failed; the round that proposed nothing adds nothing."""
    judged(run)
    released(run)
    second = (Candidate(name="auto-a"), Candidate(name="auto-b"))
    run.record("propose", ProposeOutputs(candidates=second, why="up to 4 lanes"), "round-2")
    run.record("propose", ProposeOutputs(candidates=(), why="the goal is met"), "round-3")
    run.measure("auto-a", 0.9, 400)

    summary = run.summary("success", tmp_path, {("prune", "auto-b"): "it was killed"})

    found = {one.name: (one.size_bytes, one.reason) for one in summary.candidates}
    assert list(found) == ["good", "poor", "lost", "auto-a", "auto-b", "large"]
    assert found["auto-a"][0] == 400
    assert found["auto-b"] == (None, "prune: it was killed")


def test_without_a_winner_the_gates_reasons_stand(run: Run, tmp_path: Path):
    """`select` refused, so it ranked nothing; the verdict tells which rule each candidate broke."""
    judged(run)
    run.record("select", status="refused")

    summary = run.summary("failed", tmp_path)

    fates = {one.name: (one.verdict, one.reason) for one in summary.candidates}
    assert fates["good"] == ("pass", "passed")
    assert fates["poor"] == ("fail", "max_drop: expected at most 0.02, got 0.18")
    assert summary.selected is None
    assert summary.release_uri is None
    assert summary.report is None


def test_a_run_that_was_skipped_tells_of_the_one_that_it_would_have_repeated(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """Its own are the name, the seconds and the one hit; figures, winner, release and pages are the other one's."""
    judged(run)
    released(run)
    publish = PublishOutputs.model_validate(read_records(run.store, RUN)["publish", ""].outputs)
    since = Unchanged(run_id=RUN, release=publish.release, version="3")
    world = ResolveOutputs(
        recipe=run.ref(RecipeRef),
        params={},
        workers=(0,),
        champion=None,
        approve="never",
        unchanged=since,
        done_before=True,
    )
    run.record("resolve", world, status="hit", run_id="digits-2")

    summary = run.summary("success", tmp_path, run_id="digits-2")

    before = run.summary("success", tmp_path)
    assert (summary.run_id, summary.hits, summary.misses, summary.unchanged_since) == ("digits-2", 1, 0, RUN)
    for name in ("baseline", "candidates", "selected", "release_uri", "registry", "report"):
        assert getattr(summary, name) == getattr(before, name) is not None, name
    tell(summary, tmp_path, Console(width=200))
    told = "nothing changed since run digits-1 (release digits abc, version 3 of the registry)"
    assert told in capsys.readouterr().out


def test_a_run_that_ended_early_has_nothing_to_tell(store: Store, tmp_path: Path):
    """What it did not come to is null, and the file is valid all the same."""
    run = Run(store)
    run.record("resolve", status="refused")

    summary = run.summary("failed", tmp_path)

    assert summary.baseline is None
    assert summary.candidates == ()
    assert (summary.hits, summary.misses) == (0, 1)
    assert Summary.model_validate_json(summary.model_dump_json()) == summary


def test_the_outcome_names_the_winner_and_where_all_lies(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Ten times smaller, one point lost, and the places of release, version, report and summary."""
    judged(run)
    released(run)

    tell(run.summary("success", tmp_path), tmp_path, Console(width=200))

    told = capsys.readouterr().out
    assert "good: 10.0 times smaller than the float model, -1.00 points of accuracy" in told
    for place in ("s3://b/releases/digits/abc", "digits 3 @champion", str(tmp_path / "report.html"), "summary.json"):
        assert place in told


def test_a_run_that_released_nothing_says_so_as_its_report_does(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """The sentence and the report's place stand in the outcome, and the page lies there."""
    judged(run)
    run.record("select", status="refused")
    reported(run, "nothing released, because no candidate passed: poor, the nearest of 2")

    summary = run.summary("failed", tmp_path, {("select", ""): "select has no winner"})
    tell(summary, tmp_path, Console(width=200))

    told = capsys.readouterr().out
    assert "nothing released, because no candidate passed: poor, the nearest of 2\n" in told
    assert f"report    {tmp_path / 'report.html'}" in told
    assert (tmp_path / "report.html").read_text() == "<html>"
    assert summary.selected is None


LATE = {
    "all went well": ("success", (), {}, "good wins: 10.0x smaller"),
    "nobody promoted it": ("success", ("promote",), {}, "good wins: 10.0x smaller; registered, and not promoted"),
    "publish was refused": (
        "failed",
        ("promote", "publish"),
        {("prune", "lost"): "a lane", ("publish", ""): "publish has no key"},
        "nothing released, because publish has no key",
    ),
    "promote was refused": (
        "failed",
        ("promote",),
        {("promote", ""): "promote does not verify"},
        "released, and not promoted, because promote does not verify",
    ),
}


@pytest.mark.parametrize("end", LATE)
def test_what_came_after_the_report_is_in_the_sentence(run: Run, tmp_path: Path, end: str):
    """The report was written before the release: what failed then, or was skipped, is said."""
    state, gone, failures, sentence = LATE[end]
    judged(run)
    released(run)
    for step in gone:
        run.record(step, status="refused")

    assert run.summary(state, tmp_path, dict(failures)).headline == sentence


def test_a_run_without_a_report_says_what_failed(store: Store, tmp_path: Path):
    """A recipe that was refused has none."""
    run = Run(store)
    run.record("resolve", status="refused")

    summary = run.summary("failed", tmp_path, {("resolve", ""): "recipe digits has no key train.epoch"})

    assert summary.headline == "nothing released, because recipe digits has no key train.epoch"
