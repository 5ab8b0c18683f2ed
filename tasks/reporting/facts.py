"""All that the two pages tell, read once from the store.

inputs ──► facts: baseline, lanes (measured, judged, ranked), winner, champion, histories, trials
"""

from __future__ import annotations

from dataclasses import dataclass

from featherline.tasks.contracts.candidate import Infeasible
from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.device import Budget
from featherline.tasks.contracts.measurement import Finding, Measurement, Verdict
from featherline.tasks.contracts.model import LiteRTModel, Model, TrainingHistory
from featherline.tasks.contracts.problems.classification import ClassificationDetails
from featherline.tasks.contracts.quality import QualityMetric
from featherline.tasks.contracts.references import Champion, MeasurementRef
from featherline.tasks.contracts.steps.evaluate import EvaluateOutputs
from featherline.tasks.contracts.steps.report import ReportInputs
from featherline.tasks.contracts.steps.select import Ranked, SelectOutputs
from featherline.tasks.contracts.trials import Trials
from featherline.tasks.contracts.words import points
from featherline.tasks.judging.candidates.compare import Comparison, compare
from featherline.tasks.judging.candidates.entries import Entry, by_nearness, entries_of, read_measurement
from featherline.tasks.judging.candidates.measured import TestSplit, read_measured, read_test_split
from featherline.tasks.judging.candidates.reasons import why_broken
from featherline.tasks.problems.classification.problem import Classification
from featherline.tasks.problems.opening import open_problem
from featherline.tasks.problems.protocol import Problem
from featherline.tasks.reporting.nothing import Missed, Unmeasured, missed, unmeasured, why_nothing
from featherline.tasks.running.context import Context
from featherline.tasks.running.run_records import refusals
from featherline.tasks.store.artifacts import Store

NO_BUDGET = Budget()
CLASSIFICATION = open_problem("classification")


@dataclass(frozen=True)
class LaneFacts:
    """One candidate.

    Attributes:
        name: Its label in the verdict.
        reference: Where its measurement lies.
        model: The exported file and the model that it came from.
        measurement: None where it is no whole measurement.
        drop: Quality lost against the float baseline, with its interval.
        ranked: Its fate.
    """

    name: str
    reference: MeasurementRef
    model: LiteRTModel
    measurement: Measurement | None
    drop: Comparison
    ranked: Ranked


@dataclass(frozen=True)
class ChampionFacts:
    """The registry's champion and how the winner compares."""

    champion: Champion
    measurement: Measurement | None
    drop: Comparison


@dataclass(frozen=True)
class Facts:
    """Everything, read and paired."""

    dataset: Dataset
    samples: int
    baseline: Measurement
    baseline_model: Model
    lanes: tuple[LaneFacts, ...]
    winner: LaneFacts
    measured: Measurement
    """Of the winner."""
    borderline: bool
    doubts: tuple[str, ...]
    """What the test samples cannot prove of the winner."""
    verdict: Verdict
    infeasible: tuple[Infeasible, ...]
    champion: ChampionFacts | None
    histories: tuple[TrainingHistory, ...]
    """Of the winner's lane, from the first training on."""
    baseline_histories: tuple[TrainingHistory, ...]
    """Of the float baseline; empty where the winner's lane begins with them."""
    trials: Trials | None
    problem: Problem = CLASSIFICATION
    details: ClassificationDetails | None = None
    """What classification says of the winner beyond quality and slices."""
    baseline_details: ClassificationDetails | None = None
    unmeasured: tuple[Unmeasured, ...] = ()
    """Candidates that were not measured."""
    nothing: str = ""
    """Why no candidate won; then the nearest one stands in the winner's place. Empty where one did."""
    missed: tuple[Missed, ...] = ()
    """What the candidates missed, where none won."""

    @property
    def metric(self) -> QualityMetric:
        """Return what quality is called, and which side of it is the good one."""
        return self.baseline.quality.metric

    def change(self, drop: float) -> str:
        """Return how a value moves that gets worse by `drop`, with its sign."""
        moved = -drop if self.metric.higher_is_better else drop
        return f"{points(moved)} points" if self.metric.unit == "share" else f"{moved:+.4g} {self.metric.unit}".rstrip()

    @property
    def who(self) -> str:
        """Return what the candidate is called that the figures are about."""
        return "nearest candidate" if self.nothing else "winner"

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """Return the warnings about the winner that did not pass."""
        return tuple(
            item
            for item in self.verdict.findings
            if item.subject == self.winner.name and item.severity == "warning" and not item.passed
        )


def gather(inputs: ReportInputs, context: Context, budget: Budget = NO_BUDGET) -> Facts | None:
    """Read everything that the pages tell; None where the run made no files that can be compared.

    Args:
        inputs: The results of the run.
        context: The store and the run.
        budget: Of the device, which counts where no candidate won.

    Raises:
        Damaged: Something is gone from the store.
        ValueError: The selection's winner is none of the lanes.
    """
    store, seed = context.store, context.seed
    if inputs.data is None or inputs.model is None or inputs.baseline is None or inputs.verdict is None:
        return None
    baseline = read_whole(store, inputs.baseline.measurement, 0)[1]
    if baseline is None:
        return None
    dataset = store.read(inputs.data, Dataset)
    split = read_test_split(store, dataset)
    verdict = store.read(inputs.verdict, Verdict)
    refused = refusals(store, context.provenance.run_id)
    entries = [] if inputs.selection else by_nearness(entries_of(store, inputs.lanes, verdict, budget))
    ranking = {one.name: one for one in (inputs.selection.ranking if inputs.selection else map(_loser, entries))}
    float_file = read_measured(store, inputs.baseline.measurement, split)
    lanes = [
        _lane(
            store, lane, number, ranking, compare(float_file, read_measured(store, lane.measurement, split), seed=seed)
        )
        for number, lane in enumerate(inputs.lanes, start=1)
    ]
    lanes.sort(key=lambda lane: list(ranking).index(lane.name) if lane.name in ranking else 999)
    shown = _shown(lanes, inputs.selection)
    if shown is None or shown.measurement is None:
        return None
    ours = shown.model.source.histories
    theirs = inputs.model.histories
    prefixed = ours[: len(theirs)] == theirs
    return Facts(
        dataset=dataset,
        samples=len(split.targets),
        problem=split.problem,
        details=_details(store, dataset, shown.measurement),
        baseline_details=_details(store, dataset, baseline),
        baseline=baseline,
        baseline_model=inputs.model,
        lanes=tuple(lanes),
        winner=shown,
        measured=shown.measurement,
        borderline=inputs.selection is not None and inputs.selection.borderline,
        doubts=inputs.selection.doubts if inputs.selection else (),
        verdict=verdict,
        infeasible=inputs.plan.infeasible,
        champion=_champion(store, inputs.champion, shown, split, seed) if inputs.champion else None,
        histories=tuple(store.read(ref, TrainingHistory) for ref in ours),
        baseline_histories=() if prefixed else tuple(store.read(ref, TrainingHistory) for ref in theirs),
        trials=store.read(inputs.trials, Trials) if inputs.trials else None,
        unmeasured=unmeasured(inputs, refused, [lane.name for lane in lanes]),
        nothing="" if inputs.selection else why_nothing(inputs, refused, entries),
        missed=missed(entries),
    )


def _shown(lanes: list[LaneFacts], selection: SelectOutputs | None) -> LaneFacts | None:
    """Return the winner, or the nearest candidate that was measured; None where none was."""
    if selection is None:
        return next((lane for lane in lanes if lane.measurement is not None), None)
    winners = [lane for lane in lanes if lane.name == selection.winner and lane.measurement is not None]
    if not winners:
        raise ValueError(f"the winner {selection.winner} is none of the measured lanes")
    return winners[0]


def _details(store: Store, dataset: Dataset, measured: Measurement) -> ClassificationDetails | None:
    if measured.details is None or not isinstance(open_problem(dataset.problem), Classification):
        return None
    return store.read(measured.details, ClassificationDetails)


def _loser(entry: Entry) -> Ranked:
    reason = why_broken(entry) or "passed the gate and fits the device, but no winner was chosen"
    return Ranked(name=entry.name, verdict="fail" if entry.broken else "pass", on_front=False, reason=reason)


def _lane(store: Store, lane: EvaluateOutputs, number: int, ranking: dict[str, Ranked], drop: Comparison) -> LaneFacts:
    name, measurement = read_whole(store, lane.measurement, number)
    unranked = Ranked(name=name, verdict="fail", on_front=False, reason="not ranked by select")
    return LaneFacts(name, lane.measurement, lane.model, measurement, drop, ranking.get(name, unranked))


def read_whole(store: Store, ref: MeasurementRef, number: int) -> tuple[str, Measurement | None]:
    """Return whom a measurement speaks of, and the measurement; None where it is no whole one.

    Args:
        store: Of the run.
        ref: The measurement.
        number: Of the lane, which is named by it where the measurement names none.
    """
    return read_measurement(store.read_bytes(ref), number)


def _champion(store: Store, held: Champion, shown: LaneFacts, split: TestSplit, seed: int) -> ChampionFacts:
    champion = read_measured(store, held.measurement, split)
    return ChampionFacts(
        held,
        read_whole(store, held.measurement, 0)[1],
        compare(champion, read_measured(store, shown.reference, split), seed=seed),
    )
