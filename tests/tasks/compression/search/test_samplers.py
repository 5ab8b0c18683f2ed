"""All samplers under one interface and one budget, on an objective that costs nothing and whose optimum is known."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
import pytest

from featherline.tasks.compression.search.samplers import SAMPLERS, sampler_of
from featherline.tasks.compression.search.space import distributions
from featherline.tasks.compression.search.study import open_study, proposals_of
from featherline.tasks.compression.search.worker import SearchWorker
from featherline.tasks.contracts.model import Architecture
from featherline.tasks.contracts.steps.search import SearchParams, SearchSpace
from featherline.tasks.contracts.trials import Trial
from featherline.tasks.statistics.pareto import hypervolume

VALUES = tuple(range(6))
SPACE = SearchSpace(builder="cnn", choices=dict.fromkeys("abcdef", VALUES))
CHOICES = distributions(SPACE)
BEST = {"a": 5, "b": 1, "c": 4, "d": 2, "e": 3, "f": 5}
DEAREST = 36.0
ALLOWED = 20.0


def quality(chosen: dict[str, int]) -> float:
    """Return 1 for `BEST`, and less the further a choice is from it."""
    return 1 - sum(((chosen[name] - best) / 5) ** 2 for name, best in BEST.items()) / len(BEST)


def cost(chosen: dict[str, int]) -> float:
    """Return the sum of all choices, at least 6."""
    return float(sum(value + 1 for value in chosen.values()))


def evaluate(number: int, chosen: dict[str, Any], before: Sequence[Trial]) -> Trial:  # noqa: ARG001
    """Evaluate as a search does: what is dearer than allowed is recorded untrained."""
    inside = cost(chosen) <= ALLOWED
    return Trial(
        number=number,
        architecture=Architecture(builder="cnn", options=chosen),
        state="complete" if inside else "infeasible",
        quality=quality(chosen) if inside else None,
        epochs=1,
        macs=int(cost(chosen)),
        parameters=1,
        size_bytes=1,
        seconds=0.0,
        excess=cost(chosen) / ALLOWED - 1,
    )


def found(sampler: str, seed: int, trials: int, population: int = 24) -> list[tuple[float, float]]:
    """Return (accuracy, cost) of all trials of one worker without a bound."""
    params = SearchParams(space=SPACE, trials=trials, sampler=sampler, population=population)
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler_of(params, CHOICES, seed))
    for _ in range(trials):
        trial = study.ask(CHOICES)
        study.tell(trial, [quality(trial.params), cost(trial.params)])
    return [(trial.values[0], trial.values[1]) for trial in study.trials]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_keeps_to_the_budget_of_trials(tmp_path: Path, sampler: str) -> None:
    """Two workers, one after the other: twelve trials together, no architecture twice, none outside trained."""
    params = SearchParams(space=SPACE, trials=12, sampler=sampler, population=4)
    workers = [
        SearchWorker(open_study(str(tmp_path), "study"), proposals_of(params, CHOICES, 0), f"run/{number}", total)
        for number, total in ((0, 7), (1, 12))
    ]
    for worker in workers:
        worker.work(evaluate)

    records = workers[1].records()
    assert len(records) == 12
    assert len({record.architecture.to_json() for record in records}) == 12
    assert all((record.quality is not None) == (record.macs <= ALLOWED) for record in records)
    assert all(claim.state.is_finished() for claim in workers[1].study.trials)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_one_seed_gives_one_sequence(sampler: str) -> None:
    """The same seed proposes the same architectures; another one others."""
    assert found(sampler, 1, 30) == found(sampler, 1, 30)
    assert found(sampler, 1, 30) != found(sampler, 2, 30)


def test_evolution_beats_random_by_median() -> None:
    """Over eleven fixed seeds and a hundred trials each: a larger hypervolume, and a more accurate best network."""
    fronts, best = {}, {}
    for sampler in ("evolution", "random"):
        runs = [found(sampler, seed, 100) for seed in range(11)]
        fronts[sampler] = statistics.median(hypervolume(run, DEAREST) for run in runs)
        best[sampler] = statistics.median(max(quality for quality, _ in run) for run in runs)

    assert fronts["evolution"] > fronts["random"] + 0.02
    assert best["evolution"] > best["random"] + 0.01


@pytest.mark.parametrize("sampler", ["nsga2", "tpe"])
def test_optunas_samplers_beat_random_by_median(sampler: str) -> None:
    """Over seven fixed seeds and a hundred trials each, with a population of twelve: a larger hypervolume.

    That is all that is promised of them: the best network of TPE is no more accurate than that of random here.
    """
    volumes = {
        each: statistics.median(hypervolume(found(each, seed, 100, population=12), DEAREST) for seed in range(7))
        for each in (sampler, "random")
    }

    assert volumes[sampler] > volumes["random"] + 0.01
