"""Choose: from what all search workers saw to the architectures that are worth a full training.

snapshots ──► one table of trials ──► Pareto front (quality against MACs or size) ──► the first `keep`

python -m featherline.tasks choose --request request.json --result result.json --store var/store
"""

from __future__ import annotations

import math

from featherline.tasks.compression.search.summary import lines, summarised
from featherline.tasks.contracts.quality import QualityMetric
from featherline.tasks.contracts.references import TrialsRef
from featherline.tasks.contracts.refusal import examples, refuse
from featherline.tasks.contracts.steps.choose import ChooseInputs, ChooseOutputs, ChooseParams, ChosenArchitecture
from featherline.tasks.contracts.trials import Trial, Trials
from featherline.tasks.running.context import Context
from featherline.tasks.statistics.pareto import best_first, pareto_ranks


def choose(inputs: ChooseInputs, params: ChooseParams, context: Context) -> ChooseOutputs:
    """Merge the snapshots and keep the best architectures.

    Returns:
        At most `keep`, named `searched-0` and on: the Pareto front first and within it the best first, then
            what lies behind the front. An architecture that was tried twice counts with its better trial.

    Raises:
        Refused: Something was searched and wanted, and nothing was trained.
    """
    snapshots = [context.store.read(worker.trials, Trials) for worker in inputs.workers if worker.trials]
    if not snapshots:
        return ChooseOutputs(architectures=(), trials=None)
    merged = merge(snapshots)
    best = _best_of_each([trial for trial in merged.trials if trial.state == "complete"], merged.metric)
    if not best and params.keep:
        raise _nothing(merged)
    metric = merged.metric
    points = [(_gain(trial, metric), float(trial.cost(params.objective))) for trial in best]
    ranks, order = pareto_ranks(points), best_first(points)
    kept = [best[position] for position in order[: params.keep]]
    front = sorted(best[position].number for position, rank in enumerate(ranks) if rank == 0)
    for position, trial in enumerate(kept):
        print(
            f"searched-{position}: trial {trial.number}, {trial.architecture.builder} {trial.architecture.options}, "
            f"{metric.told(trial.quality or 0.0)}, {trial.macs:,} MACs, about {trial.size_bytes:,} bytes"
        )
    print(f"choose: {len(kept)} of {len(best)} architectures, {len(front)} on the front, {len(merged.trials)} trials")
    for line in lines(merged):
        print(f"choose: {line}")
    return ChooseOutputs(
        architectures=tuple(
            ChosenArchitecture(
                name=f"searched-{position}",
                architecture=trial.architecture,
                quality=trial.quality,
                macs=trial.macs,
                parameters=trial.parameters,
                size_bytes=trial.size_bytes,
            )
            for position, trial in enumerate(kept)
        ),
        trials=context.store.put(merged, TrialsRef),
        front=tuple(front),
    )


def merge(snapshots: list[Trials]) -> Trials:
    """Return all trials by number; of two records of one trial the later snapshot's counts.

    Raises:
        Refused: The snapshots are of different studies.
    """
    studies = sorted({snapshot.study for snapshot in snapshots})
    if len(studies) > 1:
        raise refuse(
            "choose cannot compare trials of different studies",
            expected="snapshots of one study, as all workers of a run give",
            got=examples(studies),
            fix="clear all search workers of the run, so that they begin with the same recipe and data",
        )
    trials = {trial.number: trial for snapshot in snapshots for trial in snapshot.trials}
    control = {trial.number: trial for snapshot in snapshots for trial in snapshot.control}
    return summarised(
        snapshots[0].model_copy(
            update={
                "trials": tuple(trials[number] for number in sorted(trials)),
                "control": tuple(control[number] for number in sorted(control)),
            }
        )
    )


def _best_of_each(trials: list[Trial], metric: QualityMetric) -> list[Trial]:
    best: dict[bytes, Trial] = {}
    for trial in trials:
        known = best.setdefault(trial.architecture.to_json(), trial)
        if _gain(trial, metric) > _gain(known, metric):
            best[trial.architecture.to_json()] = trial
    return list(best.values())


def _gain(trial: Trial, metric: QualityMetric) -> float:
    return -math.inf if trial.quality is None else metric.reward(trial.quality)


def _nothing(merged: Trials) -> Exception:
    reasons = examples(dict.fromkeys(trial.reason for trial in merged.trials))
    return refuse(
        "choose has no architecture to keep",
        expected="a trial inside the budget (search.budget, or that of the device) that was trained",
        got=f"{len(merged.trials)} trials, none complete: {reasons}",
        fix="allow smaller values in search.space, take a larger device, or set search.keep to 0",
    )
