"""How each part of the stack does: asked, and not only looked for.

    its process ──► gone? stopped? ──► its own question ──► Health(name, state, why)

    S3            a read of the canary, with the keys          MLflow       a request that needs its password
    api-server    its own page of health                       PostgreSQL   pg_isready        Redis   PING
    scheduler, dag-processor, triggerer: the heartbeat that Airflow's records keep     workers: a ping through Redis

A process that runs says little: a server that hangs runs too, and one whose heartbeat is old does nothing for anybody.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from botocore.exceptions import BotoCoreError, ClientError

from featherline.places import Places
from featherline.stack import airflow, launch, many_workers, mlflow, processes, surroundings
from featherline.stack.processes import Process
from featherline.stack.record import Stack
from featherline.stack.s3_server import CANARY, CANARY_KEY
from featherline.stack.secrets import password_in, secrets_in

State = Literal["healthy", "starting", "dead", "stopped", "unresponsive"]
UNRESPONSIVE_S = 45
"""A heartbeat comes every five seconds; one that is older than this comes no more."""
STEPS = "steps"
"""What stands for the steps' own processes."""
MEANS = {
    "postgres": "Airflow has no records",
    "redis": "no task reaches a worker",
    "s3": "no step can read or write",
    "mlflow": "nothing is registered or promoted",
    "api-server": "no page, no command and no task reaches Airflow",
    "scheduler": "no task is started",
    "dag-processor": "no change of a DAG is seen",
    "triggerer": "nothing that waits outside of a worker goes on",
    STEPS: "their tasks do not go on",
}
"""What it means for a run that a part is away."""


@dataclass(frozen=True)
class Health:
    """How one part does.

    Attributes:
        name: Of the server.
        state: In one word; `unresponsive` is a process that runs and does not answer.
        why: What was seen, for a person.
    """

    name: str
    state: State
    why: str = ""

    @property
    def is_well(self) -> bool:
        """Return whether it does what it is there for."""
        return self.state == "healthy"

    @property
    def told(self) -> str:
        """Return it as one sentence, with what it means where it is not well."""
        means = MEANS.get(self.name, "its tasks wait for another worker")
        if self.is_well or self.state == "starting":
            return f"{self.name} is {self.state}{self.why and f': {self.why}'}"
        return f"{self.name} is {self.state}: {self.why}, so {means}"


def check(places: Places, stack: Stack, only: Collection[str] = ()) -> tuple[Health, ...]:
    """Ask the parts of a stack that was started. Those that hang take some seconds.

    Args:
        places: Of the stack.
        stack: As `stack.json` says.
        only: The names of those to ask; all where empty.
    """
    ours = launch.own_processes(places, stack)
    servers = {server.name: server for server in stack.servers}
    names = [name for name in launch.names(stack) if not only or name in only]
    found = {name: seen_from_outside(name, servers.get(name), ours) or Health(name, "healthy") for name in names}
    for name, answers in _questions(places, stack).items():
        if name in found and found[name].is_well and not answers():
            found[name] = _unresponsive(servers[name])
    if airflow_parts := [name for name in airflow.PARTS if name in found and found[name].is_well]:
        found.update(_ask_airflow(stack, {name: servers[name] for name in airflow_parts}))
    workers = [name for name in found if many_workers.is_worker(name) and found[name].is_well]
    if workers and found.get("redis", Health("redis", "healthy")).is_well:
        found.update(_ask_workers(places, stack, {name: servers[name] for name in workers}))
    return (*found.values(), *(() if only else _stopped_steps(stack, ours)))


def of(places: Places, stack: Stack, name: str) -> Health:
    """Return how one part of a stack does."""
    return check(places, stack, (name,))[0]


def seen_from_outside(name: str, server: Process | None, ours: Sequence[int]) -> Health | None:
    """Return what is wrong with a server's process, which it need not be asked for; None where nothing is."""
    if server is None:
        return Health(name, "dead", "it was never started")
    if not server.is_alive():
        return Health(name, "dead", f"its process {server.pid} has ended")
    stopped = [pid for pid in (server.pid, *processes.members(server, ours)) if processes.is_stopped(pid)]
    if stopped:
        return Health(name, "stopped", f"its process {stopped[0]} is stopped (SIGSTOP)")
    return None


def judge_heartbeat(name: str, server: Process, beat: airflow.Heartbeat, now: float) -> Health:
    """Return what a part's heartbeat says; one from before its process began is that of an earlier one.

    Args:
        name: Of the part.
        server: Its process.
        beat: As the API server tells it.
        now: Seconds, of `time.time`.
    """
    at = beat.at.timestamp() if isinstance(beat.at, datetime) else 0.0
    if at < server.started_s - 1:
        young = now - server.started_s < launch.START_LIMIT_S
        why = f"its process {server.pid} has not told yet that it lives, {now - server.started_s:.0f} s after its start"
        return Health(name, "starting" if young else "unresponsive", why)
    if now - at > UNRESPONSIVE_S:
        return Health(name, "unresponsive", f"its last heartbeat was {now - at:.0f} s ago")
    return Health(name, "healthy", f"last heartbeat {max(0, now - at):.0f} s ago")


def _questions(places: Places, stack: Stack) -> dict[str, Callable[[], bool]]:
    secrets = secrets_in(places.secrets)
    questions: dict[str, Callable[[], bool]] = {
        "s3": lambda: _s3_answers(places, stack),
        "mlflow": lambda: mlflow.answers(stack.mlflow_port, secrets),
    }
    if (many := stack.many) is not None:
        questions["postgres"] = lambda: many_workers.postgres_answers(many)
        questions["redis"] = lambda: many_workers.redis_answers(many, password_in(places.secrets, "redis"))
    return questions


def _s3_answers(places: Places, stack: Stack) -> bool:
    client = launch.s3(places, secrets_in(places.secrets), stack.s3_port).client()
    try:
        client.get_object(Bucket=CANARY, Key=CANARY_KEY)["Body"].read()
    except (BotoCoreError, ClientError):
        return False
    return True


def _unresponsive(server: Process, why: str = "it does not answer") -> Health:
    age = time.time() - server.started_s
    if age < launch.START_LIMIT_S:
        return Health(server.name, "starting", f"{why} yet, {age:.0f} s after its start")
    return Health(server.name, "unresponsive", f"{why}, though its process {server.pid} runs")


def _ask_airflow(stack: Stack, alive: Mapping[str, Process]) -> Iterator[tuple[str, Health]]:
    """Give how the parts of Airflow do whose processes run."""
    beats = airflow.heartbeats(stack.airflow_port)
    if "api-server" in alive and beats is None:
        yield "api-server", _unresponsive(alive["api-server"])
    elif "api-server" in alive and beats is not None and not beats["metadatabase"].healthy:
        yield "api-server", _unresponsive(alive["api-server"], "it does not reach its database")
    for name in airflow.HEARTBEATS.keys() & alive.keys():
        if beats is None:
            yield name, Health(name, "healthy", "its process runs; only the api-server could tell its heartbeat")
        else:
            yield name, judge_heartbeat(name, alive[name], beats[name], time.time())


def _ask_workers(places: Places, stack: Stack, alive: Mapping[str, Process]) -> Iterator[tuple[str, Health]]:
    """Give those workers that do not answer."""
    broker = many_workers.environment(places, stack.many, stack.workers) if stack.many else {}
    answering = many_workers.workers_that_answer(places, surroundings.of_server(places) | broker)
    yield from ((name, _unresponsive(server)) for name, server in alive.items() if name not in answering)


def _stopped_steps(stack: Stack, ours: Sequence[int]) -> list[Health]:
    of_servers = {pid for server in stack.servers for pid in (server.pid, *processes.members(server, ours))}
    stopped = [pid for pid in ours if pid not in of_servers and processes.is_stopped(pid)]
    if not stopped:
        return []
    commands = ", ".join(f"{pid} ({processes.command_of(pid)[-60:]})" for pid in stopped[:3])
    return [Health(STEPS, "stopped", f"stopped by SIGSTOP: {commands}")]
