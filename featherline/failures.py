"""What went wrong in a run: each task that failed, its message in four parts, and where its log lies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from featherline.airflow_client import DAG, AirflowClient, TaskState
from featherline.board import place_of
from featherline.follow import Ended
from featherline.places import Places
from featherline.summary import Records
from featherline.tasks.contracts.refusal import Problem, Refused


def what_failed(
    client: AirflowClient, run_id: str, ended: Ended, records: Records
) -> dict[tuple[str, str], tuple[TaskState, str]]:
    """Return each task that failed and what it said, by step and label."""
    failed = [task for task in ended.tasks if task.state == "failed"]
    failures = {}
    for task in failed:
        place = place_of(task) or (task.task_id, str(task.map_index))
        record = records.get(place)
        if record is not None and record.problems:
            message = str(Refused(*map(_problem, record.problems)))
        else:
            message = _crash(place, client.log(run_id, task))
        failures[place] = (task, message)
    return failures


def _problem(problem: Mapping[str, str]) -> Problem:
    return Problem(*(problem.get(part, "") for part in ("what", "expected", "got", "fix")))


def _crash(place: tuple[str, str], log: list[str]) -> str:
    """Return what the operator said when it gave up: that is the last exception of the log."""
    said = next((line for line in reversed(log) if "\n  expected" in line), None)
    if said is not None:
        return said
    last = next((line for line in reversed(log) if "exit code" in line or "Error" in line), "nothing that says why")
    name = " ".join(place).strip()
    fix = "the log's last lines say what it met; run again when that is mended: what is finished is not done again"
    return str(Problem(f"{name} failed", "exit code 0", last[:300], fix))


def log_of(places: Places, run_id: str, task: TaskState) -> Path:
    """Return the log of a task's latest try."""
    mapped = f"/map_index={task.map_index}" if task.map_index >= 0 else ""
    folder = places.airflow_home / "logs" / f"dag_id={DAG}" / f"run_id={run_id}"
    return folder / f"task_id={task.task_id}{mapped}" / f"attempt={task.tries}.log"
