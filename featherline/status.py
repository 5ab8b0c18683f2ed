"""Listing runs: those that Airflow knows, with what the command line kept of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from featherline.places import Places
from featherline.runs import client_of
from featherline.stack import record
from featherline.summary import Summary


def status(places: Places, console: Console, most: int = 20) -> None:
    """Print the latest runs, the newest first. Raises `Refused` where the stack is down."""
    stack = record.running(places)
    table = Table("run", "recipe", "state", "started", "seconds", "winner", box=None, padding=(0, 2, 0, 0))
    for run in client_of(places, stack).runs(most):
        summary = _summary(places, run["dag_run_id"])
        winner = summary.selected if summary else None
        recipe = str((run.get("conf") or {}).get("recipe", ""))
        table.add_row(run["dag_run_id"], recipe, run["state"], _when(run), _seconds(run), winner or "")
    console.print(table)
    console.print(f"the stack is up: {stack.airflow_url}", highlight=False)


def _summary(places: Places, run_id: str) -> Summary | None:
    """Return the summary of a run that was followed from here."""
    for path in (places.run(run_id) / "summary.json", places.var / "demo" / "summary.json"):
        if path.is_file():
            found = Summary.model_validate_json(path.read_bytes())
            if found.run_id == run_id:
                return found
    return None


def _when(run: dict[str, Any]) -> str:
    started = run["start_date"]
    return f"{datetime.fromisoformat(started).astimezone():%Y-%m-%d %H:%M:%S}" if started else ""


def _seconds(run: dict[str, Any]) -> str:
    if not (run["start_date"] and run["end_date"]):
        return ""
    took = datetime.fromisoformat(run["end_date"]) - datetime.fromisoformat(run["start_date"])
    return f"{took.total_seconds():.0f}"
