"""Whether a retry can help, by what failed.

    refused, converter died, no usable answer ──► AirflowFailException: the task is red at once
    out of memory                             ──► once more, after a pause in which memory may come free
    a server away, any other crash of the step ──► as often as the step's own limit says
    ended from outside; no exception: its worker or a part of Airflow died under it ──► again, LOST_TRIES times

Airflow counts all tries alike: a worker that dies twice would use up what a training has for its own crashes, and the
run would end failed though nothing is wrong with it. So Airflow is given more tries than a step may crash, and which
tries crashed is kept in the task's state store. A step that was refused never gets here: Airflow asks no policy about
an `AirflowFailException`, and none either about a task whose worker is gone.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.sdk import RetryDecision, RetryPolicy
from airflow.sdk.exceptions import AirflowException

if TYPE_CHECKING:
    from airflow.sdk import Context

PAUSE_FOR_MEMORY = timedelta(seconds=30)
LOST_TRIES = 25
"""How often a task may lose its worker, or be ended from outside, beside the crashes of its step."""
CRASHED = "crashed_tries"
"""In the state store of the task: the numbers of the tries that crashed."""


class StepCrashedError(AirflowException):
    """The step ended with a traceback or by a signal."""


class StepOutOfMemoryError(StepCrashedError):
    """The kernel, or the limit of the container, killed the step."""


class StepEndedError(AirflowException):
    """The step was ended from outside: by a person, or because a part of Airflow was away. That is not its fault."""


class RetryByFailure(RetryPolicy):
    """Count the crashes of the step itself, and give a step that ran out of memory one more try."""

    def __init__(self, crashes: int = 1) -> None:
        """Allow so many crashes; one more, and the task fails."""
        self.crashes = crashes

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,
        context: Context | None = None,
    ) -> RetryDecision:
        """Decide for one failure; `try_number` counts from 1."""
        if isinstance(exception, StepEndedError):
            return RetryDecision.default()
        before = _crashed_before(context, try_number, max_tries)
        if isinstance(exception, StepOutOfMemoryError):
            if before:
                return RetryDecision.fail("out of memory, and not on the first try")
            return RetryDecision.retry(PAUSE_FOR_MEMORY, "out of memory: once more")
        if before >= self.crashes:
            return RetryDecision.fail(f"crashed in {before + 1} tries")
        return RetryDecision.default()


def _crashed_before(context: Context | None, try_number: int, max_tries: int) -> int:
    """Return how many tries crashed before this one since the task was cleared last, and note this one.

    Clearing a task gives it all its tries again: Airflow then adds them to `max_tries`.
    """
    if context is None:
        return try_number - 1
    cleared_after = max_tries - (context["ti"].task.retries or 0)
    store = context["task_state_store"]
    known = store.get(CRASHED, default=[])
    crashed = {number for number in known if isinstance(number, int)} if isinstance(known, list) else set()
    store.set(CRASHED, [*sorted(crashed | {try_number})])
    return len({number for number in crashed if cleared_after < number < try_number})
