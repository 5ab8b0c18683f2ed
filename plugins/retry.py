"""Whether a retry can help, by what failed.

    refused, converter died, no usable answer ──► AirflowFailException: the task is red at once
    out of memory                             ──► once more, after a pause in which memory may come free
    anything else                             ──► as often as the task's `retries` say

A step that was refused never gets here: Airflow asks no policy about an `AirflowFailException`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.sdk import RetryDecision, RetryPolicy
from airflow.sdk.exceptions import AirflowException

if TYPE_CHECKING:
    from airflow.sdk import Context

PAUSE_FOR_MEMORY = timedelta(seconds=30)


class StepCrashedError(AirflowException):
    """The step ended with a traceback or by a signal."""


class StepOutOfMemoryError(StepCrashedError):
    """The kernel, or the limit of the container, killed the step."""


class RetryByFailure(RetryPolicy):
    """Give a step that ran out of memory one more try, and leave the rest to the task's `retries`."""

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,  # noqa: ARG002 - Airflow calls by these names
        context: Context | None = None,  # noqa: ARG002 - the same
    ) -> RetryDecision:
        """Decide for one failure; `try_number` counts from 1."""
        if not isinstance(exception, StepOutOfMemoryError):
            return RetryDecision.default()
        if try_number > 1:
            return RetryDecision.fail("out of memory, and not on the first try")
        return RetryDecision.retry(PAUSE_FOR_MEMORY, "out of memory: once more")
