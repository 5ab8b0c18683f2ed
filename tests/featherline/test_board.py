"""The words for a run's tasks."""

from __future__ import annotations

import io
import re
from contextlib import ExitStack

from rich.console import Console

from featherline.airflow_client import TaskState
from featherline.board import counts, entries, place_of
from featherline.follow import LineScreen, TableScreen
from featherline.tasks.contracts.request import StepRecord


def task(task_id: str, state: str, label: str = "", map_index: int = -1) -> TaskState:
    """Give a task's state."""
    return TaskState(task_id=task_id, map_index=map_index, label=label, state=state, tries=1, duration_s=3.0)


def test_a_task_is_found_by_its_step_and_label():
    """Groups, lanes and workers are named as the steps' own records name them."""
    assert place_of(task("train", "running")) == ("train", "")
    assert place_of(task("baseline.export", "running")) == ("export", "baseline")
    assert place_of(task("lanes.prune", "running", "int8", 0)) == ("prune", "int8")
    assert place_of(task("search", "running", "worker 1", 1)) == ("search", "1")
    assert place_of(task("round_2.propose", "running")) == ("propose", "round-2")
    assert place_of(task("round_2.lanes.prune", "running", "auto-int8", 0)) == ("prune", "auto-int8")


def test_a_mapped_task_without_a_label_is_not_known_yet():
    """Airflow gives the label when the task runs; before that it could be any candidate."""
    assert place_of(task("lanes.prune", "scheduled", "", 0)) is None
    assert place_of(task("lanes.prune", "running", "0", 0)) is None
    assert place_of(task("lanes.prune", "", "", -1)) is None
    assert place_of(task("round_2.lanes.prune", "skipped", "", -1)) is None


def test_rounds_that_a_recipe_does_not_have_are_not_shown():
    """They are skipped, and nothing would be learnt from it; one that works, or told something, is shown."""
    closed = [
        task("more_rounds", "skipped"),
        task("round_2.propose", "skipped"),
        task("rounds_over", "success"),
        task("all_rounds", ""),
    ]
    record = StepRecord(step="propose", label="round-2", status="ran", seconds=1)

    assert entries(closed, {}) == {}
    assert list(entries([task("round_2.propose", "running")], {})) == [("propose", "round-2")]
    assert list(entries([task("round_2.propose", "success")], {("propose", "round-2"): record})) == [
        ("propose", "round-2")
    ]


def test_the_steps_own_record_tells_a_hit_from_work():
    """Airflow knows only success; the record says that nothing had to be done."""
    record = StepRecord(step="train", status="hit", seconds=0.4)

    board = entries([task("train", "success"), task("plan", "success")], {("train", ""): record})

    assert board["train", ""].status == "hit"
    assert board["train", ""].seconds == 0.4
    assert board["plan", ""].status == "done"
    assert counts(board) == "1 done, 1 hits"


def test_a_refusal_is_told_from_a_crash():
    """Both are failed to Airflow."""
    record = StepRecord(step="resolve", status="refused", seconds=0.1)

    board = entries([task("resolve", "failed"), task("train", "failed")], {("resolve", ""): record})

    assert [entry.status for entry in board.values()] == ["refused", "failed"]


def test_a_log_gets_one_line_a_change():
    """What did not change is not said again; what did not start is not said at all."""
    out = io.StringIO()
    screen = LineScreen(Console(file=out, width=100))

    screen.show(entries([task("train", "running"), task("plan", "")], {}), 1.0)
    screen.show(entries([task("train", "running"), task("plan", "")], {}), 2.0)
    screen.show(entries([task("train", "success"), task("plan", "queued")], {}), 4.0)

    lines = [line.split() for line in out.getvalue().splitlines()]
    assert lines == [["1.0", "s", "train", "runs"], ["4.0", "s", "train", "done", "3.0", "s"]]


def test_a_terminal_shows_a_row_a_lane():
    """The candidate's row says which of its steps are done, ran, or were not reached."""
    out = io.StringIO()
    board = entries(
        [
            task("train", "success"),
            task("lanes.prune", "success", "int8", 0),
            task("lanes.export", "running", "int8", 0),
        ],
        {("prune", "int8"): StepRecord(step="prune", label="int8", status="unchanged", seconds=0.1)},
    )

    with ExitStack() as stack:
        TableScreen(stack, Console(file=out, width=100, force_terminal=True, color_system=None), "digits-1").show(
            board, 5
        )

    lines = [re.sub(r"\x1b\[[^a-zA-Z]*[a-zA-Z]", "", line).split() for line in out.getvalue().splitlines()]
    assert ["train", "✓", "3", "s"] in lines
    assert ["int8", "·", "▸", "3", "s"] in lines
