"""Workers of a search: every place gets its result whatever becomes of a worker, and no place gets two."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
import pytest

from featherline.tasks.compression.search import worker as module
from featherline.tasks.compression.search.space import distributions
from featherline.tasks.compression.search.study import open_study, proposals_of
from featherline.tasks.compression.search.worker import SearchWorker
from featherline.tasks.contracts.model import Architecture
from featherline.tasks.contracts.steps.search import SearchParams, SearchSpace
from featherline.tasks.contracts.trials import Trial

SPACE = SearchSpace(builder="cnn", choices={"dense": tuple(range(50))})
PARAMS = SearchParams(space=SPACE, trials=6, sampler="random")


def evaluate(number: int, chosen: dict[str, Any], before: Sequence[Trial]) -> Trial:  # noqa: ARG001
    """Evaluate at once."""
    return record(number, chosen["dense"])


def record(number: int, dense: int, state: str = "complete") -> Trial:
    """Return the record of a trial that chose `dense`."""
    return Trial.model_validate(
        {
            "number": number,
            "architecture": Architecture(builder="cnn", options={"dense": dense}),
            "state": state,
            "quality": dense / 100 if state == "complete" else None,
            "epochs": 1,
            "macs": 100 + dense,
            "parameters": 1,
            "size_bytes": 1,
            "seconds": 0.1,
        }
    )


def worker_of(
    tmp_path: Path, number: int, *, total: int = 6, stale_seconds: float = 60, space: SearchSpace = SPACE
) -> SearchWorker:
    """Return a worker of the search in the folder."""
    proposals = proposals_of(PARAMS.model_copy(update={"space": space}), distributions(space), seed=0)
    return SearchWorker(
        open_study(str(tmp_path), "study"), proposals, f"run/{number}", total, stale_seconds=stale_seconds
    )


def dense_of(trials: Sequence[Trial]) -> list[Any]:
    """Return what the trials chose."""
    return [trial.architecture.options["dense"] for trial in trials]


def left_behind(tmp_path: Path, number: int, place: int) -> int:
    """Leave a claim as a worker does that dies; return what its place tries."""
    dead = worker_of(tmp_path, number)
    dead.records()
    assert dead._claim(place) is not None
    found: int = dead.proposals.chosen(place)["dense"]
    return found


def test_one_worker_does_all(tmp_path: Path) -> None:
    """Alone it evaluates as many different architectures as were asked for, and a second one finds all done."""
    first, second = worker_of(tmp_path, 0), worker_of(tmp_path, 1)

    first.work(evaluate)
    second.work(lambda *_: pytest.fail("there is nothing left to evaluate"))

    assert [trial.number for trial in first.records()] == list(range(6))
    assert len(set(dense_of(first.records()))) == 6
    assert second.records() == first.records()


def test_a_search_can_be_made_longer(tmp_path: Path) -> None:
    """Asked for more trials, only the difference is evaluated, and the first ones are those of the shorter search."""
    shorter = worker_of(tmp_path, 0, total=4)
    shorter.work(evaluate)
    evaluated: list[int] = []

    longer = worker_of(tmp_path, 0, total=9)
    longer.work(lambda number, *rest: (evaluated.append(number), evaluate(number, *rest))[1])  # type: ignore[func-returns-value]

    assert evaluated == [4, 5, 6, 7, 8]
    assert longer.records()[:4] == shorter.records()


def test_workers_at_the_same_time_share_the_places(tmp_path: Path) -> None:
    """Three workers evaluate six places between them, none twice, and all see the same six."""
    evaluated: list[int] = []

    def slowly(number: int, *rest: Any) -> Trial:
        time.sleep(0.1)
        evaluated.append(number)
        return evaluate(number, *rest)

    workers = [worker_of(tmp_path, number) for number in range(3)]
    at_once(workers, slowly)

    assert sorted(evaluated) == list(range(6))
    assert workers[0].records() == workers[1].records() == workers[2].records()


def at_once(workers: Sequence[SearchWorker], evaluation: Any) -> None:
    """Let workers work at the same time."""
    threads = [threading.Thread(target=each.work, args=(evaluation,)) for each in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_of_two_claims_the_first_one_holds(tmp_path: Path) -> None:
    """A worker that was a moment later lets go of the place."""
    first, second = worker_of(tmp_path, 0), worker_of(tmp_path, 1)

    assert first._claim(0) is not None
    assert second._claim(0) is None
    assert [trial.state.name for trial in first.study.trials] == ["RUNNING", "FAIL"]


def test_a_failed_trial_counts_and_the_search_goes_on(tmp_path: Path) -> None:
    """Failures are recorded with their number and take a place among the trials."""
    worker = worker_of(tmp_path, 0)
    worker.work(lambda number, chosen, before: record(number, chosen["dense"], "complete" if before else "failed"))

    assert [trial.state for trial in worker.records()] == ["failed"] * 4 + ["complete"] * 2


def test_a_small_space_is_repeated_without_evaluating(tmp_path: Path) -> None:
    """Two architectures fill six places; each is evaluated once, the others say whose result they took."""
    space = SPACE.model_copy(update={"choices": {"dense": (1, 2)}})
    evaluated: list[int] = []

    worker = worker_of(tmp_path, 0, space=space)
    worker.work(lambda number, *rest: (evaluated.append(number), evaluate(number, *rest))[1])  # type: ignore[func-returns-value]

    records = worker.records()
    assert evaluated == [0, 1]
    assert [trial.number for trial in records] == list(range(6))
    assert [trial.reason for trial in records[2:]] == [
        f"as trial {dense_of(records[:2]).index(dense)}" for dense in dense_of(records[2:])
    ]


def test_what_a_dead_worker_left_is_evaluated_by_another(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A claim without a beat is given up, and its place gets the result that it would have got."""
    dense = left_behind(tmp_path, 7, place=1)

    worker = worker_of(tmp_path, 0, stale_seconds=0.2)
    worker.work(evaluate)

    assert dense_of(worker.records())[1] == dense
    assert len(worker.records()) == 6
    assert "trial 1 was left by run/7: it is evaluated again" in capsys.readouterr().out


def test_a_worker_that_begins_again_takes_up_its_own_at_once(tmp_path: Path) -> None:
    """A retry of the same task does not wait for its own claim to grow stale."""
    left_behind(tmp_path, 0, place=0)

    worker = worker_of(tmp_path, 0, stale_seconds=3600)
    worker.work(evaluate)

    assert [trial.number for trial in worker.records()] == list(range(6))


def test_a_living_worker_is_waited_for(tmp_path: Path) -> None:
    """A claim that beats is not taken from its worker, however long it takes."""
    slow, fast = worker_of(tmp_path, 0, total=2), worker_of(tmp_path, 1, total=2, stale_seconds=0.3)

    def take_long(number: int, *rest: Any) -> Trial:
        time.sleep(1.0)
        return evaluate(number, *rest)

    thread = threading.Thread(target=slow.work, args=(take_long,))
    thread.start()
    time.sleep(0.3)
    fast.work(evaluate)
    thread.join()

    assert len(fast.records()) == 2
    assert len(fast.study.trials) == 2
    assert fast.left_seconds > 0


def test_a_result_that_comes_too_late_is_not_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A worker whose claim was given up meanwhile evaluates the place again where nobody else has."""
    times: list[int] = []
    worker = worker_of(tmp_path, 0)

    def given_up_meanwhile(number: int, *rest: Any) -> Trial:
        times.append(number)
        if times == [0]:
            worker.study.tell(0, state=optuna.trial.TrialState.FAIL)
        return evaluate(number, *rest)

    worker.work(given_up_meanwhile)

    assert times == [0, 0, 1, 2, 3, 4, 5]
    assert "its result is not used" in capsys.readouterr().out


KILLED = """
import sys, time
sys.path.insert(0, {root!r})
from featherline.tasks.contracts.steps.search import SearchParams, SearchSpace
from featherline.tasks.compression.search.space import distributions
from featherline.tasks.compression.search.study import open_study, proposals_of
from featherline.tasks.compression.search.worker import SearchWorker

space = SearchSpace(builder="cnn", choices={{"dense": tuple(range(50))}})
params = SearchParams(space=space, trials=6, sampler="random")
def hang(*_):
    print("asked", flush=True)
    time.sleep(600)
SearchWorker(open_study({folder!r}, "study"), proposals_of(params, distributions(space), 0), "run/9", 6).work(hang)
"""


def test_a_killed_process_does_not_kill_the_search(tmp_path: Path) -> None:
    """A worker killed in the middle of its trial costs the others only the wait for its beat."""
    undisturbed = worker_of(tmp_path / "other", 0)
    undisturbed.work(evaluate)
    code = KILLED.format(root=str(Path(__file__).parents[4]), folder=str(tmp_path))
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "asked\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()

    worker = worker_of(tmp_path, 0, stale_seconds=0.5)
    worker.work(evaluate)

    assert worker.records() == undisturbed.records()
    assert module.STALE_SECONDS > 0.5
