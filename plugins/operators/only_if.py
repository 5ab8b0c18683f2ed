"""Skips what follows where the recipe does not ask for it.

    wanted ──► success, and what follows runs by its own trigger rule
    not    ──► skipped, and so is what follows by the rule ALL_DONE_MIN_ONE_SUCCESS: by the scheduler, at no cost

That rule waits for nothing once a task before it was skipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowSkipException

if TYPE_CHECKING:
    from airflow.sdk import Context


class OnlyIfOperator(BaseOperator):
    """A gate that is open or closed.

    Args:
        wanted: A template of one expression that gives a Boolean.
        otherwise: What to say where it is closed.
    """

    template_fields: Sequence[str] = ("wanted",)
    ui_color = "#f2f2f2"

    def __init__(self, *, wanted: str, otherwise: str, **options: Any) -> None:  # noqa: ANN401 - Airflow's own
        super().__init__(**options)
        self.wanted: object = wanted  # what the template gives
        self.otherwise = otherwise

    def execute(self, context: Context) -> None:  # noqa: ARG002 - Airflow's signature
        """End well where it is wanted.

        Raises:
            AirflowSkipException: It is not.
        """
        if self.wanted is not True:
            raise AirflowSkipException(self.otherwise)
