"""Following a run: what its steps do, as it happens, until it ends.

terminal        ──► one table that changes in place
anything else   ──► one line a change, for logs
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from featherline.airflow_client import AirflowAway, AirflowClient, TaskState
from featherline.board import FINISHED, Entry, counts, entries, place_of
from featherline.stillness import Stillness
from featherline.summary import read_records
from featherline.tasks.contracts.candidate import LANE
from featherline.tasks.contracts.request import StepRecord
from featherline.tasks.contracts.safe_text import visible
from featherline.tasks.store.artifacts import Store

POLL_S = 1.5
"""Each look costs Airflow 0.07 s of a processor."""
LONGEST_AWAY_S = 1800
"""Whoever is called at night has this long to bring Airflow back."""
MARKS = {"runs": ("▸", "cyan"), "done": ("✓", "green"), "hit": ("=", "blue"), "unchanged": ("·", "dim")}
"""Of a task in the table; anything else is a cross."""

Board = Mapping[tuple[str, str], Entry]


@dataclass(frozen=True)
class Ended:
    """A run that ended."""

    state: str
    seconds: float
    tasks: tuple[TaskState, ...]


class Screen(Protocol):
    """Where progress is shown."""

    def show(self, board: Board, seconds: float) -> None:
        """Show what is true now, `seconds` after the start."""


def follow(
    client: AirflowClient, store: Store, run_id: str, console: Console, stillness: Stillness | None = None
) -> Ended:
    """Show a run's progress until it ends, and return how it ended.

    Args:
        client: Of the run's Airflow.
        store: Of the run.
        run_id: The run.
        console: Where it is shown.
        stillness: Says why nothing moves. With it an Airflow that is away is waited for.

    Raises:
        Refused: Airflow was away for `LONGEST_AWAY_S`, or the stack was ended.
    """
    started = answered = time.monotonic()
    records: dict[tuple[str, str], StepRecord] = {}
    ended: set[tuple[str, str] | None] = set()
    with ExitStack() as stack:
        screen: Screen = TableScreen(stack, console, run_id) if console.is_terminal else LineScreen(console)
        while True:
            try:
                state = client.run(run_id)["state"]
                tasks = client.tasks(run_id)
                over = state in {"success", "failed"}
                now = {place_of(task) for task in tasks if task.state in {"success", "failed"}}
                if now - ended and (
                    over or stillness is None or stillness.store_is_well()
                ):  # all records at once, as they lie together
                    records.update(read_records(store, run_id))
                    ended |= now
                screen.show(entries(tasks, records), time.monotonic() - started)
                if over:
                    return Ended(state, time.monotonic() - started, tuple(tasks))
                if stillness:
                    stillness.look(state, tasks)
                answered = time.monotonic()
            except AirflowAway:
                if stillness is None or time.monotonic() - answered > LONGEST_AWAY_S:
                    raise
                stillness.away()
            time.sleep(POLL_S)


class LineScreen:
    """One line a change."""

    def __init__(self, console: Console) -> None:
        """Print to `console`."""
        self._console = console
        self._seen: dict[tuple[str, str], str] = {}

    def show(self, board: Board, seconds: float) -> None:
        """Print what is different from the last time."""
        for place, entry in board.items():
            if entry.status and self._seen.get(place) != entry.status:
                self._seen[place] = entry.status
                took = f" {entry.seconds:6.1f} s" if entry.status in FINISHED and entry.seconds else ""
                self._console.out(
                    f"{seconds:7.1f} s  {visible(entry.name):<32} {entry.status:<8}{took}", highlight=False
                )


class TableScreen:
    """A table that changes in place: the run's steps in their order, and a row for each lane."""

    def __init__(self, stack: ExitStack, console: Console, run_id: str) -> None:
        """Draw until `stack` closes."""
        self._run_id = run_id
        self._live = stack.enter_context(Live(console=console, refresh_per_second=4))

    def show(self, board: Board, seconds: float) -> None:
        """Draw it anew."""
        title = Text.assemble((f"{visible(self._run_id)}  ", "bold"), f"{seconds:.0f} s  ", (counts(board), "dim"))
        steps = Text("  ").join(_cell(entry, entry.name) for entry in board.values() if entry.step not in LANE)
        lanes = Table("lane", *LANE, box=None, padding=(0, 2, 0, 0))
        for label in dict.fromkeys(label for step, label in board if step in LANE):
            lanes.add_row(visible(label), *(_cell(board.get((step, label))) for step in LANE))
        self._live.update(Group(title, steps, lanes) if lanes.row_count else Group(title, steps))


def _cell(entry: Entry | None, name: str = "") -> Text:
    if entry is None or not entry.status:
        return Text(visible(name), "dim")
    mark, style = MARKS.get(entry.status, ("✗", "red"))
    seconds = f" {entry.seconds:.0f} s" if entry.status in {"runs", "done"} and entry.seconds >= 1 else ""
    words = "" if entry.status in MARKS else f" {entry.status}"
    return Text(visible(f"{name} {mark}{seconds}{words}".strip()), style)
