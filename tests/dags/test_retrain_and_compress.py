"""The pipeline as it is drawn: edges, rules, limits, and requests that the steps' contracts accept."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import TriggerRule

from featherline.airflow.retry import LOST_TRIES
from featherline.tasks.contracts.reading import contract_of

ROOT = Path(__file__).resolve().parents[2]
Pipeline = Any

EDGES = {
    "resolve": set(),
    "preprocess": {"resolve"},
    "validate_data": {"preprocess"},
    "dry_run": {"preprocess"},
    "train": {"validate_data"},
    "validate_model": {"train"},
    "baseline.export": {"validate_model", "validate_data"},
    "baseline.evaluate": {"baseline.export", "validate_data"},
    "search": {"validate_model", "validate_data", "resolve"},
    "choose": {"search"},
    "plan": {"choose", "validate_model", "dry_run"},
    "more_rounds": {"plan"},
    "round_2.propose": {"more_rounds", "lanes.evaluate"},
    "round_3.propose": {"round_2.propose", "round_2.lanes.evaluate"},
    "rounds_over": {"round_2.lanes.evaluate", "round_3.lanes.evaluate"},
    "all_rounds": {"plan", "rounds_over"},
    "validate_metrics": {"lanes.evaluate", "all_rounds"},
    "select": {"validate_metrics", "baseline.evaluate"},
    "report": {"resolve", "validate_metrics", "select"},
    "publish": {"report", "select", "validate_metrics", "validate_data", "validate_model"},
    "register": {"publish"},
    "approve": {"register", "select", "report"},
    "promote": {"approve", "register"},
}
for group, before in (("lanes", "plan"), ("round_2.lanes", "round_2.propose"), ("round_3.lanes", "round_3.propose")):
    EDGES |= {
        f"{group}.prune": {before, "validate_model", "validate_data"},
        f"{group}.distill": {f"{group}.prune", before, "validate_model", "validate_data"},
        f"{group}.trim": {f"{group}.distill", before, "validate_model", "validate_data"},
        f"{group}.quantize": {f"{group}.trim", before, "validate_model", "validate_data"},
        f"{group}.export": {
            f"{group}.prune",
            f"{group}.distill",
            f"{group}.trim",
            f"{group}.quantize",
            before,
            "validate_data",
            "validate_model",
        },
        f"{group}.evaluate": {f"{group}.export", before, "validate_data", "baseline.evaluate"},
    }
"""What runs right before each task."""

RULES = dict.fromkeys(EDGES, TriggerRule.ALL_SUCCESS) | {
    "rounds_over": TriggerRule.ALL_DONE,
    **dict.fromkeys(
        ("choose", "round_2.propose", "round_3.propose", "validate_metrics", "report"),
        TriggerRule.ALL_DONE_MIN_ONE_SUCCESS,
    ),
}
"""The first goes on in any case; the others with what arrived, as long as something did."""

NO_STEPS = {"approve", "more_rounds", "rounds_over", "all_rounds"}
"""Tasks that call none."""


def asked_of(task: Any) -> dict[str, Any]:
    """Return a task's request, also of a mapped one."""
    return task.partial_kwargs["request"] if task.is_mapped else task.request


def step_tasks(pipeline: Pipeline) -> dict[str, Any]:
    """Return the tasks that call a step."""
    return {name: task for name, task in pipeline.task_dict.items() if name not in NO_STEPS}


def test_the_edges_are_those_of_the_drawing(pipeline: Pipeline):
    """Each task runs after exactly the tasks whose outputs it takes, and its gate."""
    assert {name: task.upstream_task_ids for name, task in pipeline.task_dict.items()} == EDGES


def test_there_is_one_end(pipeline: Pipeline):
    """A run is as good as its last task: no side branch can make it green or red."""
    assert [task.task_id for task in pipeline.leaves] == ["promote"]


def test_only_what_gathers_goes_on_when_others_failed(pipeline: Pipeline):
    """A lane or a search worker may fail; anything else stops what follows it."""
    assert {name: TriggerRule(task.trigger_rule) for name, task in pipeline.task_dict.items()} == RULES


def test_the_metrics_never_wait_for_what_may_be_skipped(pipeline: Pipeline):
    """By its rule a single skipped task before it would skip it, and the run would end green with nothing judged."""
    before = pipeline.task_dict["validate_metrics"].upstream_task_ids

    assert before == {"lanes.evaluate", "all_rounds"}
    assert pipeline.task_dict["all_rounds"].upstream_task_ids == {"plan", "rounds_over"}


def test_the_report_waits_for_the_verdict_and_for_the_choice_whatever_they_are(pipeline: Pipeline):
    """With a recipe it always comes; nothing before it is ever skipped, which by its rule would skip it too."""
    report = pipeline.task_dict["report"]

    assert report.upstream_task_ids == {"resolve", "validate_metrics", "select"}
    assert "select" in pipeline.task_dict["publish"].upstream_task_ids
    assert pipeline.task_dict["publish"].trigger_rule == TriggerRule.ALL_SUCCESS


def test_with_one_round_the_pipeline_has_nothing_of_the_others(monkeypatch: pytest.MonkeyPatch):
    """`[featherline] rounds = 1` draws the lanes once, and nothing waits for more."""
    monkeypatch.setenv("AIRFLOW__FEATHERLINE__ROUNDS", "1")

    one = DagBag(str(ROOT / "dags")).dags["retrain_and_compress"]

    assert set(one.task_dict) == {name for name in EDGES if not name.startswith("round_")} - NO_STEPS | {"approve"}
    assert one.task_dict["validate_metrics"].upstream_task_ids == {"lanes.evaluate"}


def test_each_request_is_what_its_step_takes(pipeline: Pipeline):
    """The inputs of each task are all that its contract needs, and nothing that it does not know."""
    for name, task in step_tasks(pipeline).items():
        step = name.rpartition(".")[2]
        fields = contract_of(step, "Inputs").model_fields
        needed = {field for field, info in fields.items() if info.is_required()}
        given = set(asked_of(task)["inputs"]) | ({task.partial_kwargs["item_name"]} if task.is_mapped else set())
        assert needed <= given <= set(fields), name


def test_the_lanes_compare_with_the_baseline(pipeline: Pipeline):
    """What a contract does not need in general, a lane does."""
    for name in ("lanes.evaluate", "round_2.lanes.evaluate", "round_3.lanes.evaluate"):
        assert {"baseline", "baseline_measurement"} <= set(asked_of(pipeline.task_dict[name])["inputs"])
    for name in ("validate_metrics", "report", "promote"):
        assert "champion" in asked_of(pipeline.task_dict[name])["inputs"]


def test_every_step_has_a_timeout_and_a_retry(pipeline: Pipeline):
    """Nothing can run forever, and a single crash stops no run; a person's answer has its own limit."""
    for task in step_tasks(pipeline).values():
        assert 0 < task.execution_timeout.total_seconds() <= 24 * 3600
        assert task.retries - LOST_TRIES in {1, 2}
        assert task.retry_delay.total_seconds() == 10
    approve = pipeline.task_dict["approve"]
    assert approve.response_timeout < pipeline.dagrun_timeout


def test_a_refused_promotion_is_no_retry_of_the_question(pipeline: Pipeline):
    """Asking again is for a person to start."""
    assert pipeline.task_dict["approve"].retries == 0


def test_a_run_is_alone_and_starts_by_itself_only_when_told(pipeline: Pipeline):
    """One run at a time, unpaused, no schedule, no catching up."""
    assert pipeline.max_active_runs == 1
    assert pipeline.max_active_tasks == 4
    assert pipeline.is_paused_upon_creation is False
    assert pipeline.catchup is False
    assert pipeline.schedule is None


def test_the_documentation_tells_what_to_do_when_red(pipeline: Pipeline):
    """Every task, or the group that it is in, has its row."""
    rows = {
        word.strip("`,.")
        for line in pipeline.doc_md.splitlines()
        if line.startswith("|")
        for word in line.split("|")[1].split()
    }

    told = {name.rpartition(".")[2] if name.endswith("propose") else name.partition(".")[0] for name in EDGES}
    assert told - {"choose", "report", "baseline", "round_2", "round_3"} - NO_STEPS | {"approve"} <= rows
    assert pipeline.doc_md.startswith("Retrain a model")
    assert pipeline.owner == "featherline"
    assert {"featherline", "compression"} <= set(pipeline.tags)


def test_the_drawing_of_the_documentation_stays_one(pipeline: Pipeline):
    """Airflow's UI shows a fence without a language as a line of text, and breaks lines that its panel cannot hold."""
    fences = re.findall(r"^```(.*)$", pipeline.doc_md, re.MULTILINE)
    drawing = pipeline.doc_md.split("```")[1].splitlines()[1:]

    assert fences == ["text", ""]
    assert max(map(len, drawing)) <= 80


def test_the_form_has_five_fields(pipeline: Pipeline):
    """Each with a title and a description for the trigger page."""
    assert set(pipeline.params) == {"recipe", "overrides", "seed", "unchanged", "ignore_cache"}
    for name in pipeline.params:
        param = pipeline.params.get_param(name)
        assert param.schema["title"]
        assert param.description


SERIALIZED = """
import sys
from airflow.dag_processing.dagbag import DagBag
from airflow.models.serialized_dag import SerializedDagModel
from airflow.serialization.serialized_objects import DagSerialization
bag = DagBag(sys.argv[1])
data = DagSerialization.to_dict(bag.dags["retrain_and_compress"])
print(SerializedDagModel.hash(data))
print([name for name in sys.argv[2:] if name in sys.modules])
print("word-of-the-store" in str(data))
"""

FOREIGN = ["tensorflow", "tf_keras", "docker", "kubernetes", "great_expectations", "boto3", "pandas", "mlflow", "numpy"]


@pytest.fixture(scope="module")
def two_readings(tmp_path_factory: pytest.TempPathFactory) -> list[list[str]]:
    """Give the DAG's hash, the heavy modules in memory, and whether a secret is in it, of two fresh interpreters.

    Between the two a recipe is put into the folder, and one is taken away.
    """
    readings = []
    home = tmp_path_factory.mktemp("airflow")
    recipes = tmp_path_factory.mktemp("recipes")
    for seed, recipe in (("1", "digits"), ("2", "put-there-meanwhile")):
        for there in recipes.iterdir():
            there.unlink()
        (recipes / f"{recipe}.yaml").touch()
        environment = os.environ | {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__FEATHERLINE__RECIPES": str(recipes),
            "AIRFLOW_CONN_FEATHERLINE_STORE": "aws://key:word-of-the-store@",
            "PYTHONPATH": str(ROOT),
            "PYTHONHASHSEED": seed,
        }
        done = subprocess.run(
            [sys.executable, "-c", SERIALIZED, str(ROOT / "dags"), *FOREIGN],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        readings.append(done.stdout.splitlines()[-3:])
    return readings


def test_two_readings_give_the_same_dag(two_readings: list[list[str]]):
    """Else each reading of the file, or each new recipe, would be a new version of the DAG."""
    first, second = two_readings

    assert first[0] == second[0]


def test_reading_the_dag_loads_nothing_heavy(two_readings: list[list[str]]):
    """Neither TensorFlow nor what only containers or gates need."""
    assert two_readings[0][1] == "[]"


def test_no_secret_is_in_the_dag(two_readings: list[list[str]]):
    """Connections are read when a task runs."""
    assert two_readings[0][2] == "False"
