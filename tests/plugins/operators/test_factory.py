"""The step factory: from a name to a task."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk import DAG

from featherline.airflow.operators.factory import earlier_joined, earlier_of_each, step, steps
from featherline.airflow.operators.process_step import ProcessStepOperator
from featherline.airflow.retry import LOST_TRIES, RetryByFailure
from featherline.airflow.steps import STEPS
from featherline.tasks.contracts.refusal import Refused

DIGEST = "1" * 64
"""A digest of digits alone, which a careless template would make a number."""


class Task:
    """What a template may ask of a task instance."""

    def __init__(self, **xcoms: Any) -> None:
        self.xcoms = xcoms

    def xcom_pull(self, task_ids: str | list[str], key: str = "return_value") -> Any:
        """Give what `resolve` pushed; of a list of tasks what each one gave, None for one that gave nothing."""
        if isinstance(task_ids, list):
            return [self.xcoms.get(f"{task_id} {key}") for task_id in task_ids]
        return self.xcoms.get(key) if task_ids == "resolve" else None


def rendered(task: Any, **xcoms: Any) -> dict[str, Any]:
    """Return a task's request as Airflow renders it in a run of recipe digits."""
    params = {"recipe": "digits", "overrides": {"train.epochs": 5}, "seed": 7, "ignore_cache": False}
    task.render_template_fields({"params": params, "run_id": "manual__1", "ti": Task(**xcoms)})
    request: dict[str, Any] = task.request
    return request


def test_a_step_is_a_task_of_its_name_with_limits():
    """Retries, pause, policy and timeout come from the table."""
    task = step("train")

    assert isinstance(task, ProcessStepOperator)
    assert (task.task_id, task.step, task.retries) == ("train", "train", 1 + LOST_TRIES)
    assert task.retry_delay.total_seconds() == 10
    assert task.max_retry_delay.total_seconds() == 300
    assert task.execution_timeout == STEPS["train"].tries.timeout
    assert isinstance(task.retry_policy, RetryByFailure)
    assert task.retry_policy.crashes == STEPS["train"].tries.retries


def test_options_win_over_the_table():
    """A DAG may say otherwise for one task."""
    assert step("train", retries=0, task_id="teach").retries == 0


def test_parameters_come_from_resolve_as_they_are():
    """Numbers stay numbers, None stays None, and text that looks like a number stays text."""
    given = {"train": {"file": None, "epochs": 3, "name": "1e3"}}

    request = rendered(step("train"), params=given, recipe={"sha256": DIGEST})

    assert request["params"] == given["train"]


def test_a_run_is_recorded_in_the_request():
    """Seed and cache are what the form says; the digest of the recipe is text, whatever its digits."""
    request = rendered(step("train"), params={"train": {}}, recipe={"sha256": DIGEST})

    assert (request["seed"], request["ignore_cache"]) == (7, False)
    assert request["provenance"] == {"run_id": "manual__1", "recipe": "digits", "recipe_sha256": DIGEST}


def test_before_resolve_there_is_no_digest():
    """The first step asks with what the form says."""
    params = "{{ {'recipe': params.recipe, 'overrides': params.overrides} }}"

    request = rendered(step("resolve", params=params))

    assert request["params"] == {"recipe": "digits", "overrides": {"train.epochs": 5}}
    assert request["provenance"]["recipe_sha256"] is None


def test_a_lane_takes_its_parameters_from_its_candidate():
    """Inside a lane nothing is pulled from `resolve`."""
    request = rendered(step("prune", candidate={"name": "int8", "prune": {}}))

    assert request["candidate"] == {"name": "int8", "prune": {}}
    assert request["params"] == {}


def test_an_empty_label_is_left_out():
    """Airflow reads an empty text as None, which no request may hold."""
    assert "label" not in step("train").request
    assert rendered(step("export", params={}, label="baseline"))["label"] == "baseline"


def test_a_list_of_each_is_a_list_also_of_one():
    """The tasks are named in a list, so that a single element is not given bare; who gave nothing is left out."""
    task = step("select", inputs={"lanes": earlier_of_each("lanes.evaluate", "round_2.lanes.evaluate")})

    assert rendered(task, **{"lanes.evaluate return_value": {"a": 1}})["inputs"]["lanes"] == [{"a": 1}]


def test_lists_of_several_tasks_are_joined():
    """In the order of the tasks; a task that was skipped gave none."""
    task = step("report", inputs={"candidates": earlier_joined(["plan", "second", "third"], "candidates")})
    gave = {"plan candidates": [{"name": "a"}], "third candidates": [{"name": "b"}, {"name": "c"}]}

    assert rendered(task, **gave)["inputs"]["candidates"] == [{"name": "a"}, {"name": "b"}, {"name": "c"}]


def test_inputs_draw_the_edges():
    """What a step takes from another makes it run after that one."""
    with DAG("drawing", schedule=None):
        preprocess = step("preprocess")
        check = step("validate_data", inputs={"data": preprocess.output["data"]})

    assert check.upstream_task_ids == {"preprocess"}


def test_steps_run_over_a_list():
    """One task an element; what they have in common may come from another task."""
    with DAG("mapping", schedule=None):
        resolve = step("resolve", params={}, fan_out="workers")
        check = step("validate_data", task_id="check")
        search = steps("search", over={"worker": resolve.output}, inputs={"data": check.output["data"]})

    assert search.is_mapped
    assert search.upstream_task_ids == {"resolve", "check"}
    assert search.partial_kwargs["item_name"] == "worker"


def test_an_unknown_runtime_is_refused(monkeypatch: pytest.MonkeyPatch):
    """The message names the option and the nearest runtime."""
    monkeypatch.setenv("AIRFLOW__FEATHERLINE__RUNTIME", "proces")

    with pytest.raises(Refused) as refusal:
        step("train")

    problem = refusal.value.problems[0]
    assert (problem.got, problem.fix) == ("proces", "did you mean process?")
    assert isinstance(step("train", runtime="process"), ProcessStepOperator)
