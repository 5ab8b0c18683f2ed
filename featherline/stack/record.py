"""What `var/stack.json` says of a stack that was started: its servers, where they listen, and which of them run.

stack ──► remember ──► var/stack.json ──► recorded, running ──► status, runs, the next `up`
"""

from __future__ import annotations

from typing import Literal

from featherline.places import Places
from featherline.stack import many_workers
from featherline.stack.ports import HOST
from featherline.stack.processes import Process
from tasks.contracts.base import Contract
from tasks.contracts.refusal import refuse

SERVERS = ("s3", "mlflow", "airflow")
RECORDS = ("postgres", "redis")
"""Beside them, where there are workers."""
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

    @property
    def airflow_url(self) -> str:
        """Return the address of the UI and the API."""
        return f"http://{HOST}:{self.airflow_port}"

    @property
    def mlflow_url(self) -> str:
        """Return the address of the registry."""
        return f"http://{HOST}:{self.mlflow_port}"

    def gone(self) -> list[str]:
        """Return the names of the servers that do not run. Of the workers, one is enough."""
        alive = {server.name for server in self.servers if server.is_alive()}
        wanted = [*SERVERS, *(RECORDS if self.workers else ())]
        lost = self.lost_workers()
        return [name for name in wanted if name not in alive] + (lost if len(lost) == self.workers else [])

    def lost_workers(self) -> list[str]:
        """Return the names of the workers that do not run."""
        alive = {server.name for server in self.servers if server.is_alive()}
        return [name for name in map(many_workers.worker_name, range(1, self.workers + 1)) if name not in alive]


def recorded(places: Places) -> Stack | None:
    """Return what `stack.json` says, whether or not it still runs; None where there is none."""
    try:
        return Stack.model_validate_json(places.state.read_bytes())
    except FileNotFoundError:
        return None


def running(places: Places) -> Stack:
    """Return the stack, all of whose servers run.

    Raises:
        Refused: It, or a part of it, does not run.
    """
    stack = recorded(places)
    gone = stack.gone() if stack else list(SERVERS)
    if stack is None or gone:
        raise refuse(
            "the stack is not up",
            expected=f"three servers that run, as {places.state} remembers them",
            got="none was started" if stack is None else f"{', '.join(gone)} ended",
            fix="make up",
        )
    return stack


def remember(places: Places, stack: Stack, server: Process) -> Stack:
    """Write down that a server was started, in place of the one of its name. Returns the stack with it."""
    others = [one for one in stack.servers if one.name != server.name]
    stack = stack.model_copy(update={"servers": (*others, server)})
    part = places.state.with_suffix(".part")
    part.write_bytes(stack.to_json())
    part.replace(places.state)
    return stack
