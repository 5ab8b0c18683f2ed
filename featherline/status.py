"""What is up and what ran: the health of each part of the stack, and the runs that Airflow knows.

each part asked ──► its row, and what its absence means      Airflow ──► the latest runs, with what was kept of them
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from featherline.places import Places
from featherline.runs import client_of
from featherline.stack import health, record
from featherline.stack.health import Health
from featherline.stack.record import Stack
from featherline.summary import Summary
from featherline.tasks.contracts.stored import OtherFormat


def status(places: Places, console: Console, most: int = 20) -> bool:
    """Print how each part does, and the latest runs, the newest first. Returns whether no part is dead.

    Raises:
        Refused: No stack was started here.
    """
    stack = record.started(places)
    states = health.check(places, stack)
    _print_health(states, console)
    ill = [one for one in states if not one.is_well]
    if not any(one.name == "api-server" for one in ill):
        _print_runs(places, stack, console, most)
    for one in ill:
        console.print(one.told, highlight=False, soft_wrap=True)
    if all(one.state == "starting" for one in ill):
        console.print(f"the stack is up: {stack.airflow_url}", highlight=False)
        return True
    fix = f"featherline up brings back what is dead; the logs lie in {places.log('').parent}"
    console.print(f"  fix       {fix}", highlight=False, soft_wrap=True)
    return False


def _print_health(found: Sequence[Health], console: Console) -> None:
    table = Table("part", "health", "", box=None, padding=(0, 2, 0, 0))
    for one in found:
        table.add_row(one.name, one.state, one.why, style="" if one.is_well else "bold red")
    console.print(table)
    console.print()


def _print_runs(places: Places, stack: Stack, console: Console, most: int) -> None:
    table = Table("run", "recipe", "state", "started", "seconds", "winner", box=None, padding=(0, 2, 0, 0))
    for run in client_of(places, stack).runs(most):
        summary = _summary(places, run["dag_run_id"])
        winner = summary.selected if summary else None
        recipe = str((run.get("conf") or {}).get("recipe", ""))
        table.add_row(run["dag_run_id"], recipe, run["state"], _when(run), _seconds(run), winner or "")
    console.print(table)


def _summary(places: Places, run_id: str) -> Summary | None:
    """Return the summary of a run that was followed from here; None also for one that another version wrote."""
    for path in (places.run(run_id) / "summary.json", places.var / "demo" / "summary.json"):
        with contextlib.suppress(FileNotFoundError, ValidationError, OtherFormat):
            summary = Summary.from_json(path.read_bytes())
            if summary.run_id == run_id:
                return summary
    return None


def _when(run: dict[str, Any]) -> str:
    started = run["start_date"]
    return f"{datetime.fromisoformat(started).astimezone():%Y-%m-%d %H:%M:%S}" if started else ""


def _seconds(run: dict[str, Any]) -> str:
    if not (run["start_date"] and run["end_date"]):
        return ""
    took = datetime.fromisoformat(run["end_date"]) - datetime.fromisoformat(run["start_date"])
    return f"{took.total_seconds():.0f}"
