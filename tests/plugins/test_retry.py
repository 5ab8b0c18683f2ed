"""Which failures are tried again."""

from __future__ import annotations

import pytest
from airflow.sdk import RetryAction

from plugins.retry import PAUSE_FOR_MEMORY, RetryByFailure, StepCrashedError, StepOutOfMemoryError


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
def test_anything_else_is_for_the_task_to_say(failure: BaseException):
    """A crash is tried again as often as the task's `retries` say."""
    decision = RetryByFailure().evaluate(failure, try_number=1, max_tries=1)

    assert decision.action is RetryAction.DEFAULT
