"""What a search tries is a function of its seed and its results: not of its workers, their number, their speed."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from featherline.tasks.compression.search.proposals import Proposals
from featherline.tasks.compression.search.space import distributions
from featherline.tasks.compression.search.study import open_study, proposals_of
from featherline.tasks.compression.search.worker import SearchWorker
from featherline.tasks.contracts.model import Architecture
from featherline.tasks.contracts.steps.search import SearchParams, SearchSpace
from featherline.tasks.contracts.trials import Trial

SAMPLERS = get_args(SearchParams.model_fields["sampler"].annotation)
SPACE = SearchSpace(builder="cnn", choices=dict.fromkeys("abcd", (0, 1, 2, 3)))
CHOICES = distributions(SPACE)
TRIALS = 18


def evaluate(number: int, chosen: dict[str, Any], before: Sequence[Trial]) -> Trial:
    """Evaluate as a search does, in which what is known before decides too."""
    cost = 1 + sum(chosen.values())
    state = "infeasible" if cost > 10 else "failed" if chosen["a"] == chosen["b"] == 3 else "complete"
    longer = sum(trial.state == "complete" for trial in before) % 2
    return Trial(
        number=number,
        architecture=Architecture(builder="cnn", options=chosen),
        state=state,
        quality=(chosen["a"] + chosen["b"] * chosen["c"]) / 20 if state == "complete" else None,
        epochs=1 + longer,
        macs=cost,
        parameters=1,
        size_bytes=cost,
        seconds=0.0,
        excess=cost / 10 - 1,
    )


def searched(tmp_path: Path, sampler: str, workers: int, *, seed: int = 0, dies_at: int | None = None) -> list[Trial]:
    """Search with workers of random speed, one of which may leave a place to the others for good."""
    params = SearchParams(space=SPACE, trials=TRIALS, sampler=sampler, population=4)
    speed = np.random.default_rng(workers)

    def at_random_speed(number: int, chosen: dict[str, Any], before: Sequence[Trial]) -> Trial:
        time.sleep(speed.random() / 50)
        return evaluate(number, chosen, before)

    def of(number: int) -> SearchWorker:
        study = open_study(str(tmp_path / f"{workers}"), "study")
        return SearchWorker(study, proposals_of(params, CHOICES, seed), f"run/{number}", TRIALS, stale_seconds=0.3)

    if dies_at is not None:
        dying = of(99)
        dying.total = dies_at
        dying.work(evaluate)
        dying.total = TRIALS
        dying.records()
        assert dying._claim(dies_at) is not None
    every = [of(number) for number in range(workers)]
    threads = [threading.Thread(target=one.work, args=(at_random_speed,)) for one in every]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(one.records() == every[0].records() for one in every)
    return every[0].records()


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_trials_are_the_same_whatever_the_workers(tmp_path: Path, sampler: str) -> None:
    """One worker, two, four, and two after the death of a third in the middle: equal trials, to the last figure."""
    alone = searched(tmp_path, sampler, 1)

    assert searched(tmp_path, sampler, 2) == alone
    assert searched(tmp_path, sampler, 4) == alone
    assert searched(tmp_path / "after a death", sampler, 2, dies_at=5) == alone
    assert [trial.number for trial in alone] == list(range(TRIALS))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_another_seed_is_another_search(tmp_path: Path, sampler: str) -> None:
    """The seed decides what is tried."""
    assert searched(tmp_path / "a", sampler, 1) != searched(tmp_path / "b", sampler, 1, seed=1)


def test_a_place_knows_the_results_up_to_a_fixed_distance() -> None:
    """With four in flight the first four places know nothing, and the sixth knows the first two."""
    params = SearchParams(space=SPACE, trials=TRIALS, sampler="random")
    proposals: Proposals = proposals_of(params, CHOICES, 0)
    proposals.advance({}, TRIALS)
    assert len(proposals) == 4

    records = {place: evaluate(place, proposals.chosen(place), []) for place in (0, 1, 3)}
    proposals.advance(records, TRIALS)

    assert len(proposals) == 6
    assert proposals.before(3, records) == []
    assert proposals.before(5, records) == [records[0], records[1]]


def test_more_workers_than_places_in_flight_are_refused() -> None:
    """They would have nothing to do; the message says what to raise."""
    with pytest.raises(ValueError, match="in_flight of at least 5"):
        SearchParams(space=SPACE, workers=5)

    assert SearchParams(space=SPACE, workers=5, in_flight=5).workers == 5
