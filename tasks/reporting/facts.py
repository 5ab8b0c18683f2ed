"""All that the two pages tell, read once from the store.

inputs ──► facts: baseline, lanes (measured, judged, ranked), winner, champion, histories, trials
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from pydantic import ValidationError

from tasks.candidates.compare import Comparison, compare
from tasks.candidates.measured import TestSplit, read_measured, read_test_split
from tasks.candidates.subject import label_of
from tasks.context import Context
from tasks.contracts.dataset import Dataset
from tasks.contracts.gate import Ranked, ReportInputs
from tasks.contracts.lane import EvaluateOutputs
from tasks.contracts.measurement import Finding, Measurement, Verdict
from tasks.contracts.model import LiteRTModel, Model, TrainingHistory
from tasks.contracts.plan import Infeasible
from tasks.contracts.references import Champion, MeasurementRef
from tasks.contracts.trials import Trials
from tasks.store import Store


@dataclass(frozen=True)
class LaneFacts:
    """One candidate.

    Attributes:
        name: Its label in the verdict.
        model: The exported file and the model that it came from.
        measurement: None where it is no whole measurement.
        drop: Accuracy lost against the float baseline, with its interval.
        ranked: Its fate.
    """

    name: str
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
    """What the test images cannot prove of the winner."""
    verdict: Verdict
    infeasible: tuple[Infeasible, ...]
    champion: ChampionFacts | None
    histories: tuple[TrainingHistory, ...]
    """Of the winner's lane, from the first training on."""
    baseline_histories: tuple[TrainingHistory, ...]
    """Of the float baseline; empty where the winner's lane begins with them."""
    trials: Trials | None

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """Return the warnings about the winner that did not pass."""
        return tuple(
            item
            for item in self.verdict.findings
            if item.subject == self.winner.name and item.severity == "warning" and not item.passed
        )


def gather(inputs: ReportInputs, context: Context) -> Facts:
    """Read everything that the pages tell.

    Raises:
        Damaged: Something is gone from the store.
        ValueError: The selection's winner is none of the lanes.
    """
    store, seed = context.store, context.seed
    dataset = store.read(inputs.data, Dataset)
    split = read_test_split(store, dataset)
    float_file = read_measured(store, inputs.baseline.measurement, split)
    ranking = {ranked.name: ranked for ranked in inputs.selection.ranking}
    lanes = tuple(
        _lane(
            store, lane, number, ranking, compare(float_file, read_measured(store, lane.measurement, split), seed=seed)
        )
        for number, lane in enumerate(inputs.lanes, start=1)
    )
    winners = [lane for lane in lanes if lane.name == inputs.selection.winner and lane.measurement is not None]
    if not winners or winners[0].measurement is None:
        raise ValueError(f"the winner {inputs.selection.winner} is none of the measured lanes")
    ours = winners[0].model.source.histories
    theirs = inputs.model.histories
    prefixed = ours[: len(theirs)] == theirs
    return Facts(
        dataset=dataset,
        samples=len(split.labels),
        baseline=store.read(inputs.baseline.measurement, Measurement),
        baseline_model=inputs.model,
        lanes=tuple(sorted(lanes, key=lambda lane: list(ranking).index(lane.name) if lane.name in ranking else 999)),
        winner=winners[0],
        measured=winners[0].measurement,
        borderline=inputs.selection.borderline,
        doubts=inputs.selection.doubts,
        verdict=store.read(inputs.verdict, Verdict),
        infeasible=inputs.plan.infeasible,
        champion=_champion(store, inputs, split, seed) if inputs.champion else None,
        histories=tuple(store.read(ref, TrainingHistory) for ref in ours),
        baseline_histories=() if prefixed else tuple(store.read(ref, TrainingHistory) for ref in theirs),
        trials=store.read(inputs.trials, Trials) if inputs.trials else None,
    )


def _lane(store: Store, lane: EvaluateOutputs, number: int, ranking: dict[str, Ranked], drop: Comparison) -> LaneFacts:
    name, measurement = _read(store, lane.measurement, number)
    unranked = Ranked(name=name, verdict="fail", on_front=False, reason="not ranked by select")
    return LaneFacts(name, lane.model, measurement, drop, ranking.get(name, unranked))


def _read(store: Store, ref: MeasurementRef, number: int) -> tuple[str, Measurement | None]:
    data = store.read_bytes(ref)
    raw = json.loads(data)
    name = label_of(raw.get("candidate") if isinstance(raw, dict) else None, number)
    try:
        return name, Measurement.model_validate_json(data)
    except ValidationError:
        return name, None


def _champion(store: Store, inputs: ReportInputs, split: TestSplit, seed: int) -> ChampionFacts | None:
    if inputs.champion is None:
        return None
    winner = read_measured(store, inputs.selection.measurement, split)
    champion = read_measured(store, inputs.champion.measurement, split)
    _, measurement = _read(store, inputs.champion.measurement, 0)
    return ChampionFacts(inputs.champion, measurement, compare(champion, winner, seed=seed))
