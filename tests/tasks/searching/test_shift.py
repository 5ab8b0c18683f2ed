"""Workers at a shared study: the total is reached whatever becomes of a worker, and never passed."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import optuna
import pytest

from tasks.contracts.model import Architecture
from tasks.contracts.search import SearchParams, SearchSpace
from tasks.contracts.trials import Trial
from tasks.searching import shift as module
from tasks.searching.shift import Shift
from tasks.searching.space import distributions
from tasks.searching.study import open_study

SPACE = SearchSpace(builder="cnn", choices={"dense": tuple(range(50))})
PARAMS = SearchParams(space=SPACE, trials=6, sampler="random")
CHOICES = distributions(SPACE)


def record(number: int, dense: int, state: str = "complete") -> Trial:
    """Return the record of a trial that chose `dense`."""
    return Trial.model_validate(
        {
            "number": number,
            "architecture": Architecture(builder="cnn", options={"dense": dense}),
            "state": state,
            "accuracy": dense / 100 if state == "complete" else None,
            "epochs": 1,
            "macs": 100 + dense,
            "parameters": 1,
            "size_bytes": 1,
            "seconds": 0.1,
        }
    )


def evaluate(trial: optuna.Trial, chosen: dict[str, Any]) -> tuple[Trial, tuple[float, float] | None]:
    """Evaluate at once."""
    return record(trial.number, chosen["dense"]), (chosen["dense"] / 100, 100.0 + chosen["dense"])


def shift(tmp_path: Path, worker: int, *, total: int = 6, stale_seconds: float = 60) -> Shift:
    """Return a worker of the study in the folder."""
    study = open_study(str(tmp_path), "study", PARAMS, CHOICES, seed=worker)
    return Shift(study, CHOICES, f"run/{worker}", total, stale_seconds)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.05)


def test_one_worker_does_all(tmp_path: Path) -> None:
    """Alone it evaluates as many different architectures as were asked for, and a second one finds all done."""
    first, second = shift(tmp_path, 0), shift(tmp_path, 1)

    first.work(evaluate)
    second.work(lambda *_: pytest.fail("there is nothing left to evaluate"))

    assert len(first.records()) == 6
    assert len({trial.architecture.to_json() for trial in first.records()}) == 6
    assert second.records() == first.records()


def test_a_study_can_be_made_longer(tmp_path: Path) -> None:
    """Asked for more trials, only the difference is evaluated."""
    shift(tmp_path, 0, total=4).work(evaluate)
    evaluated: list[int] = []

    longer = shift(tmp_path, 0, total=6)
    longer.work(lambda trial, chosen: (evaluated.append(trial.number), evaluate(trial, chosen))[1])  # type: ignore[func-returns-value]

    assert len(evaluated) == 2
    assert len(longer.records()) == 6


def test_workers_at_the_same_time_do_not_pass_the_total(tmp_path: Path) -> None:
    """Three workers evaluate six trials between them, none twice, and all see the same six."""
    evaluated: list[int] = []

    def slowly(trial: optuna.Trial, chosen: dict[str, Any]) -> tuple[Trial, tuple[float, float] | None]:
        time.sleep(0.1)
        evaluated.append(trial.number)
        return evaluate(trial, chosen)

    shifts = [shift(tmp_path, worker) for worker in range(3)]
    threads = [threading.Thread(target=each.work, args=(slowly,)) for each in shifts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(evaluated) == len(set(evaluated)) == 6
    assert shifts[0].records() == shifts[1].records() == shifts[2].records()


def test_a_failed_trial_counts_and_the_study_goes_on(tmp_path: Path) -> None:
    """Failures are recorded with their number and take a place among the trials."""

    def fail_first(trial: optuna.Trial, chosen: dict[str, Any]) -> tuple[Trial, tuple[float, float] | None]:
        return (record(0, chosen["dense"], "failed"), None) if trial.number == 0 else evaluate(trial, chosen)

    worker = shift(tmp_path, 0)
    worker.work(fail_first)

    assert [trial.state for trial in worker.records()] == ["failed", *["complete"] * 5]


def test_a_small_space_is_repeated_without_evaluating(tmp_path: Path) -> None:
    """Two architectures fill six trials; each is evaluated once, the others say whose result they took."""
    space = distributions(SPACE.model_copy(update={"choices": {"dense": (1, 2)}}))
    study = open_study(str(tmp_path), "study", PARAMS, space, seed=0)
    evaluated: list[int] = []

    worker = Shift(study, space, "run/0", 6)
    worker.work(lambda trial, chosen: (evaluated.append(trial.number), evaluate(trial, chosen))[1])  # type: ignore[func-returns-value]

    assert len(evaluated) == 2
    assert sum(trial.reason.startswith("as trial") for trial in worker.records()) == 4


def test_what_a_dead_worker_left_is_taken_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A trial without a beat is enqueued again, and the total is reached with its architecture among the trials."""
    dead = shift(tmp_path, 7)
    left = dead.study.ask(CHOICES)
    left.set_user_attr(module.OWNER, "run/7")

    worker = shift(tmp_path, 0, stale_seconds=0.2)
    worker.work(evaluate)

    chosen = [trial.architecture.options["dense"] for trial in worker.records()]
    assert len(chosen) == 6
    assert left.params["dense"] in chosen
    assert "trial 0 was left by run/7: enqueued again" in capsys.readouterr().out


def test_a_worker_that_begins_again_takes_up_its_own_at_once(tmp_path: Path) -> None:
    """A retry of the same task does not wait for its own trial to grow stale."""
    before = shift(tmp_path, 0)
    left = before.study.ask(CHOICES)
    left.set_user_attr(module.OWNER, "run/0")

    worker = shift(tmp_path, 0, stale_seconds=3600)
    worker.work(evaluate)

    assert left.params["dense"] in [trial.architecture.options["dense"] for trial in worker.records()]
    assert len(worker.records()) == 6


def test_a_living_worker_is_waited_for(tmp_path: Path) -> None:
    """A trial that beats is not taken from its worker, however long it takes."""
    slow, fast = shift(tmp_path, 0, total=2), shift(tmp_path, 1, total=2, stale_seconds=0.3)

    def take_long(trial: optuna.Trial, chosen: dict[str, Any]) -> tuple[Trial, tuple[float, float] | None]:
        time.sleep(1.0)
        return evaluate(trial, chosen)

    thread = threading.Thread(target=slow.work, args=(take_long,))
    thread.start()
    time.sleep(0.3)
    fast.work(evaluate)
    thread.join()

    assert len(fast.records()) == 2
    assert len(fast.study.trials) == 2


def test_a_result_that_comes_too_late_is_not_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A worker whose trial was given up meanwhile goes on with another one."""

    def given_up_meanwhile(trial: optuna.Trial, chosen: dict[str, Any]) -> tuple[Trial, tuple[float, float] | None]:
        if trial.number == 0:
            trial.study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        return evaluate(trial, chosen)

    worker = shift(tmp_path, 0)
    worker.work(given_up_meanwhile)

    assert 0 not in [trial.number for trial in worker.records()]
    assert len(worker.records()) == 6
    assert "its result is not used" in capsys.readouterr().out


KILLED = """
import sys, time
sys.path.insert(0, {root!r})
from tasks.contracts.search import SearchParams, SearchSpace
from tasks.searching.shift import Shift
from tasks.searching.space import distributions
from tasks.searching.study import open_study

space = SearchSpace(builder="cnn", choices={{"dense": tuple(range(50))}})
found = distributions(space)
study = open_study({folder!r}, "study", SearchParams(space=space, trials=6, sampler="random"), found, seed=9)
def hang(trial, chosen):
    print("asked", flush=True)
    time.sleep(600)
Shift(study, found, "run/9", 6).work(hang)
"""


def test_a_killed_process_does_not_kill_the_study(tmp_path: Path) -> None:
    """A worker killed in the middle of its trial costs the others only the wait for its beat."""
    code = KILLED.format(root=str(Path(__file__).parents[3]), folder=str(tmp_path))
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "asked\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()

    worker = shift(tmp_path, 0, stale_seconds=0.5)
    worker.work(evaluate)

    assert len(worker.records()) == 6
