"""What `var/stack.json` says of a stack that was started: its servers, where they listen, and which of them run.

stack ──► remember ──► var/stack.json ──► recorded, running ──► status, runs, the next `up`
"""

from __future__ import annotations

from typing import Literal

from pydantic import ValidationError

from featherline.places import Places
from featherline.stack import airflow, many_workers
from featherline.stack.ports import HOST
from featherline.stack.processes import Process
from featherline.tasks.contracts.base import Contract
from featherline.tasks.contracts.refusal import Refused, refuse
from featherline.whole_file import write_whole

SERVERS = ("s3", "mlflow", *airflow.PARTS)
RECORDS = ("postgres", "redis")
"""Beside them, where there are workers."""
MOST_FORMER = 50
Runtime = Literal["process", "docker"]
"""How steps run."""


class Stack(Contract):
    """A stack that was started: its servers and where they listen."""

    servers: tuple[Process, ...]
    s3_port: int
    mlflow_port: int
    airflow_port: int
    runtime: Runtime = "process"
    workers: int = 0
    """Celery workers; where there is none, the scheduler runs the tasks."""
    many: many_workers.Ports | None = None
    former: tuple[Process, ...] = ()
    """Servers that died and were started again: what they had started may still run, in their sessions."""

    @property
    def airflow_url(self) -> str:
        """Return the address of the UI and the API."""
        return f"http://{HOST}:{self.airflow_port}"

    @property
    def mlflow_url(self) -> str:
        """Return the address of the registry."""
        return f"http://{HOST}:{self.mlflow_port}"

    def gone(self) -> list[str]:
        """Return the names of the servers that do not run, or are stopped. Of the workers, one is enough."""
        alive = {server.name for server in self.servers if server.runs()}
        wanted = [*SERVERS, *(RECORDS if self.workers else ())]
        lost = self.lost_workers()
        return [name for name in wanted if name not in alive] + (lost if len(lost) == self.workers else [])

    def lost_workers(self) -> list[str]:
        """Return the names of the workers that do not run, or are stopped."""
        alive = {server.name for server in self.servers if server.runs()}
        return [name for name in map(many_workers.worker_name, range(1, self.workers + 1)) if name not in alive]


def recorded(places: Places) -> Stack | None:
    """Return what `stack.json` says, whether or not it still runs; None where there is none, or it is damaged.

    What a damaged one told of is found all the same, by its mark.
    """
    try:
        return Stack.model_validate_json(places.state.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def started(places: Places) -> Stack:
    """Return the stack that was started here, whether or not its servers still run. Raises `Refused` where none was."""
    stack = recorded(places)
    if stack is None:
        raise _not_up(places, "none was started" if not places.state.exists() else f"{places.state} cannot be read")
    return stack


def running(places: Places) -> Stack:
    """Return the stack, all of whose servers run.

    Raises:
        Refused: It, or a part of it, does not run.
    """
    stack = started(places)
    if gone := stack.gone():
        raise _not_up(places, f"{', '.join(gone)} ended")
    return stack


def _not_up(places: Places, got: str) -> Refused:
    return refuse(
        "the stack is not up", expected=f"servers that run, as {places.state} remembers them", got=got, fix="make up"
    )


def remember(places: Places, stack: Stack, server: Process) -> Stack:
    """Write down that a server was started, in place of the one of its name. Returns the stack with it."""
    others = tuple(one for one in stack.servers if one.name != server.name)
    replaced = tuple(one for one in stack.servers if one.name == server.name)
    former = (*stack.former, *replaced)[-MOST_FORMER:]
    stack = stack.model_copy(update={"servers": (*others, server), "former": former})
    write_whole(places.state, stack.to_json())
    return stack
