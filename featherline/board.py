"""What is known of a run's tasks at one moment: the words that a person reads.

Airflow's state + the step's own record ──► Entry(step, label, status, seconds)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from featherline.airflow_client import TaskState
from featherline.summary import Records
from featherline.tasks.contracts.candidate import LANE

"""The steps of a lane, in order."""

ROUNDS = ("more_rounds", "rounds_over", "all_rounds", "propose")
"""Tasks that only lead to further rounds of lanes: not worth a word where there are none."""

WORDS = {
    "running": "runs",
    "success": "done",
    "failed": "failed",
    "up_for_retry": "crashed, is tried again",
    "skipped": "skipped",
    "upstream_failed": "not run",
    "awaiting_input": "waits for a person, see the UI",
    "deferred": "waits",
}
"""Airflow's states in a reader's words; states before the start are left out."""

FINISHED = {"done", "hit", "unchanged", "refused", "failed", "skipped", "not run"}


@dataclass(frozen=True)
class Entry:
    """A task of the run.

    Attributes:
        step: The file of `tasks/`; of a task that is no step, its id.
        label: The candidate, `baseline` or the worker's number; empty for a step that is there once.
        status: A word of `WORDS`, or `hit` or `unchanged`; empty before it started.
        seconds: How long it took, in its own process's eyes where it told.
        order: Where it stands in the drawing.
    """

    step: str
    label: str
    status: str
    seconds: float

    @property
    def name(self) -> str:
        """Return what a person calls the task."""
        return f"{self.step} {self.label}".strip()


def entries(tasks: Sequence[TaskState], records: Records) -> dict[tuple[str, str], Entry]:
    """Return all tasks of a run by step and label. A mapped task that has no label yet is left out."""
    board = {}
    for task in tasks:
        place = place_of(task)
        if place is None or (place[0] in ROUNDS and task.state in {"", "skipped", "success"} and place not in records):
            continue
        record = records.get(place)
        word = WORDS.get(task.state, "")
        if word == "done" and record is None and place[0] in LANE:
            word = "unchanged"  # nothing was started for it, so nothing was recorded
        if word == "done" and record is not None and record.status != "ran":
            word = record.status
        if word == "failed" and record is not None and record.status == "refused":
            word = "refused"
        seconds = record.seconds if record is not None and word in FINISHED else task.duration_s
        board[place] = Entry(*place, status=word, seconds=seconds)
    return board


def place_of(task: TaskState) -> tuple[str, str] | None:
    """Return step and label of a task, as its record names them; None for a mapped task that has no label yet."""
    group, _, step = task.task_id.rpartition(".")
    if group.startswith("round_") and step == "propose":
        return step, group.replace("_", "-")
    if task.map_index >= 0 or group.endswith("lanes"):
        known = task.label not in {"", str(task.map_index)}  # Airflow's own label until the task runs
        return (step, task.label.removeprefix("worker ")) if known else None
    return step, "baseline" if group == "baseline" else ""


def counts(board: Mapping[tuple[str, str], Entry]) -> str:
    """Return how many tasks run, are done, were hits."""
    statuses = [entry.status for entry in board.values()]
    words = {"done": "done", "hit": "hits", "runs": "running", "refused": "refused", "failed": "failed"}
    told = [(statuses.count(word), name) for word, name in words.items()]
    return ", ".join(f"{count} {name}" for count, name in told if count or name in {"done", "hits"})
