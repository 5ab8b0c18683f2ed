"""Which failures are tried again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import RetryAction

from featherline.airflow.retry import (
    LOST_TRIES,
    PAUSE_FOR_MEMORY,
    RetryByFailure,
    StepCrashedError,
    StepEndedError,
    StepOutOfMemoryError,
)


def test_out_of_memory_is_tried_once_more():
    """The second try comes after a pause, in which memory may come free."""
    decision = RetryByFailure().evaluate(StepOutOfMemoryError(), try_number=1, max_tries=3)

    assert (decision.action, decision.retry_delay) == (RetryAction.RETRY, PAUSE_FOR_MEMORY)


@pytest.mark.parametrize("try_number", [2, 3])
def test_out_of_memory_is_not_tried_a_third_time(try_number: int):
    """Whatever retries the task has left."""
    decision = RetryByFailure().evaluate(StepOutOfMemoryError(), try_number=try_number, max_tries=5)

    assert decision.action is RetryAction.FAIL


@pytest.mark.parametrize("failure", [StepCrashedError(), ValueError(), TimeoutError()])
def test_a_crash_is_tried_again_as_often_as_the_step_may_crash(failure: BaseException):
    """Here twice: the third crash is the last."""
    task = Task(retries=2 + LOST_TRIES)

    assert [task.fails(failure) for _ in range(3)] == [RetryAction.DEFAULT, RetryAction.DEFAULT, RetryAction.FAIL]


@pytest.mark.parametrize("lost", [1, 4])
def test_a_lost_worker_uses_up_no_crash(lost: int):
    """Nor an end from outside, nor memory that another try may have: only the step's own crashes count."""
    task = Task(retries=1 + LOST_TRIES)
    for _ in range(lost):
        task.try_number += 1  # its worker died: Airflow asks nobody
        assert task.fails(StepEndedError(), crashes=1) is RetryAction.DEFAULT

    assert task.fails(StepCrashedError(), crashes=1) is RetryAction.DEFAULT
    task.try_number += 1
    assert task.fails(StepCrashedError(), crashes=1) is RetryAction.FAIL


def test_out_of_memory_after_a_lost_worker_is_the_first_time():
    """It gets its second try, and not a third."""
    task = Task(retries=1 + LOST_TRIES)
    task.try_number += 1

    found = [task.fails(StepOutOfMemoryError(), crashes=1) for _ in range(2)]

    assert found == [RetryAction.RETRY, RetryAction.FAIL]


def test_a_cleared_task_has_all_its_tries_again():
    """Clearing adds a task's tries to those that it had; what crashed before counts no more."""
    task = Task(retries=1 + LOST_TRIES)
    assert [task.fails(StepCrashedError(), crashes=1) for _ in range(2)] == [RetryAction.DEFAULT, RetryAction.FAIL]

    task.max_tries = task.try_number - 1 + task.retries

    assert [task.fails(StepCrashedError(), crashes=1) for _ in range(2)] == [RetryAction.DEFAULT, RetryAction.FAIL]


def test_a_store_of_states_that_holds_something_else_is_no_crash():
    """The policy never raises for what it finds there."""
    task = Task(retries=1 + LOST_TRIES, state={"crashed_tries": "all"})

    assert task.fails(StepCrashedError(), crashes=1) is RetryAction.DEFAULT


class Task:
    """A task as the policy sees it, with the state that Airflow keeps for it over its tries."""

    def __init__(self, retries: int, state: dict[str, Any] | None = None) -> None:
        self.retries = self.max_tries = retries
        self.try_number = 1
        self.state = state or {}

    def fails(self, failure: BaseException, crashes: int = 2) -> RetryAction:
        """Return what becomes of the task after this try, and go on to the next."""
        context: Any = {"ti": SimpleNamespace(task=self), "task_state_store": State(self.state)}
        policy = RetryByFailure(crashes=crashes)
        decision = policy.evaluate(failure, self.try_number, self.max_tries, context)
        self.try_number += 1
        return decision.action


class State:
    """What Airflow keeps of a task from one try to the next."""

    def __init__(self, kept: dict[str, Any]) -> None:
        self.kept = kept

    def get(self, key: str, default: Any = None) -> Any:
        """Return what was kept."""
        return self.kept.get(key, default)

    def set(self, key: str, value: Any) -> None:
        """Keep a value."""
        self.kept[key] = value
