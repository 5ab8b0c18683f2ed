"""The demo: the whole line on real data, on a stack that is there for it alone.

up ──► run digits ──► var/demo/summary.json, report.html ──► down
"""

from __future__ import annotations

from rich.console import Console

from featherline import runs
from featherline.places import Places
from featherline.stack import record, turns
from featherline.stack import stack as stacks

RECIPE = "digits"


def demo(places: Places, console: Console, order: runs.Order | None = None) -> int:
    """Run a recipe on the stack, started for it and stopped after it unless it was up. Returns the exit code.

    Raises:
        Refused: Another demo is under way in the same folder.
    """
    folder = places.var / "demo"
    with turns.the_only(folder, "demo", "name another folder with FEATHERLINE_VAR"):
        stack, started = stacks.up(places, lambda line: console.print(line, highlight=False, soft_wrap=True))
        try:
            with turns.using(places.runs):
                runs.enter(places, stack)
                if started:
                    _end_cut_short(places, stack, console)
                summary = runs.execute(places, stack, order or runs.Order(RECIPE, {}), console, folder)
        finally:
            if started:
                _end_stack(places, console)
    return 0 if summary.state == "success" else 1


def _end_stack(places: Places, console: Console) -> None:
    """End the stack that was started for the demo, unless others have begun to use it."""
    with turns.unused(places.runs) as users:
        if users:
            console.print(f"stack: stays up for {users}; featherline down ends it", highlight=False, soft_wrap=True)
            return
        stacks.down(places)
        console.print("stack: down", highlight=False)


def _end_cut_short(places: Places, stack: record.Stack, console: Console) -> None:
    """End runs that an earlier stack left unfinished when it died: Airflow would resume them before the new one."""
    client = runs.client_of(places, stack)
    for run in client.runs(20, "running", "queued"):
        client.end_run(run["dag_run_id"])
        console.print(f"run {run['dag_run_id']} was cut short; what it finished is not done again", highlight=False)
