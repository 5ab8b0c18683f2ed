"""The door before what a recipe may not ask for."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from featherline.airflow.operators.only_if import OnlyIfOperator


def door(*, wanted: Any) -> OnlyIfOperator:
    """Give a door whose template has been rendered."""
    task = OnlyIfOperator(task_id="more", wanted="{{ 1 > 2 }}", otherwise="one round is all")
    task.wanted = wanted
    return task


def test_an_open_door_ends_well():
    """What follows runs by its own rule."""
    assert door(wanted=True).execute({}) is None


@pytest.mark.parametrize("wanted", [False, None, "True"])
def test_a_door_that_is_not_plainly_open_is_shut(wanted: Any):
    """Skipped, with the reason."""
    with pytest.raises(AirflowSkipException, match="one round is all"):
        door(wanted=wanted).execute({})


def test_the_condition_is_rendered():
    """It is a template of the run."""
    assert "wanted" in OnlyIfOperator.template_fields
