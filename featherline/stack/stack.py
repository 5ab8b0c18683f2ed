"""The whole embedded stack: up, down, and what of it runs.

    up ──► SeaweedFS + MLflow + Airflow, at once ──► each answers ──► var/stack.json
    up with workers ──► PostgreSQL, Redis ──► the same ──► Celery workers
    down ──► asked (INT), asked again (TERM), killed (KILL) ──► nothing left, var/stack.json gone

What runs is found by process id and start time and by a mark that children inherit, so that `down` also cleans up after
a crash of anything, and never touches a process of anybody else.
"""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import httpx

from featherline.places import Places
from featherline.stack import airflow, containers, many_workers, mlflow, ports, processes
from featherline.stack.ports import HOST
from featherline.stack.processes import MARK, Process
from featherline.stack.s3_server import PORTS, S3Server, free_ports
from featherline.stack.secrets import USER, Secrets, secrets_in
from tasks.contracts.base import Contract
from tasks.contracts.refusal import refuse

SERVERS = ("s3", "mlflow", "airflow")
RECORDS = ("postgres", "redis")
"""Beside them, where there are workers."""
NOT_INHERITED = ("AIRFLOW", "AWS_", "MLFLOW_", "PYTHON", "VIRTUAL_ENV", "GX_", "OTEL_")
"""What of this shell would change how the servers behave (PYTHONDONTWRITEBYTECODE alone costs 4 s a step)."""
START_LIMIT_S = 240
ASK_S, ASK_AGAIN_S, KILL_S = 2.0, 0.5, 5.0
"""How long each way of ending the stack may take."""
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


def up(
    places: Places, say: Callable[[str], None], *, runtime: Runtime | None = None, workers: int | None = None
) -> tuple[Stack, bool]:
    """Start the stack, unless it runs. Of a stack that runs in part, the rest is ended first.

    Args:
        places: Of the stack.
        say: Takes a line for the person who waits.
        runtime: How steps run. Where absent, as in the stack that runs, or as processes.
        workers: How many Celery workers run the tasks. Where absent, as many as the stack has that runs, or none; where
            0, none. A worker that died is started again.

    Returns:
        The stack, and whether it was started now.

    Raises:
        Refused: A server ended or did not answer in time; then nothing is left running. The stack runs otherwise than
            asked. No engine has the images that containers need.
    """
    with _alone(places):
        stack = recorded(places)
        if stack and not stack.gone():
            if runtime not in {None, stack.runtime}:
                raise refuse(
                    "the stack is up already",
                    expected=f"steps as {runtime}",
                    got=stack.runtime,
                    fix=f"make down, then up again with --runtime {runtime}",
                )
            if workers not in {None, stack.workers}:
                raise refuse(
                    "the stack is up already",
                    expected=f"{workers} workers",
                    got=f"{stack.workers}: Airflow's records lie elsewhere with workers than without",
                    fix="make down, then up again with the number that you want",
                )
            return _with_lost_workers(places, stack), False
        if stack or leftovers(places):
            say("stack: ending what an earlier one has left behind")
            _end(places)
        try:
            return _start(places, stack, say, runtime or "process", workers or 0), True
        except BaseException:
            _end(places)
            raise


def down(places: Places) -> bool:
    """End the stack and everything that it started. Returns whether there was anything to end."""
    with _alone(places):
        return _end(places)


def leftovers(places: Places) -> list[int]:
    """Return the ids of all live processes of this stack."""
    stack = recorded(places)
    return processes.marked(str(places.var), stack.servers if stack else (), places.var)


def _start(places: Places, before: Stack | None, say: Callable[[str], None], runtime: Runtime, workers: int) -> Stack:
    started = time.monotonic()
    secrets = secrets_in(places.secrets)
    many = before.many if before else None
    wanted = (before.mlflow_port, before.airflow_port) if before else (None, None)
    wanted_too = (many.postgres, many.redis) if many else (None, None)
    mlflow_port, airflow_port, postgres_port, redis_port = ports.choose([*wanted, *wanted_too])
    processes.listen_to_interrupts()
    os.environ[MARK] = str(places.var)  # the S3 server inherits it
    s3 = _s3(places, secrets, _s3_port(before))
    stack = Stack(
        servers=(),
        s3_port=s3.port or 0,
        mlflow_port=mlflow_port,
        airflow_port=airflow_port,
        runtime=runtime,
        workers=workers,
        many=many_workers.Ports(postgres=postgres_port, redis=redis_port) if workers else None,
    )
    variables = _airflow_environment(places, stack)  # what is wrong with it shows before anything is started
    if stack.many:
        stack = _start_records(places, stack, stack.many)
        say(f"stack: PostgreSQL and Redis answer, {time.monotonic() - started:.1f} s")
    stack = _launched(
        places,
        stack,
        "mlflow",
        mlflow.command(places, mlflow_port),
        _common(places) | mlflow.environment(places, secrets, s3.environment()),
    )
    stack = _launched(places, stack, "airflow", airflow.command(places), variables)
    s3.start()
    for bucket in (airflow.BUCKET, mlflow.BUCKET):
        s3.create_bucket(bucket)
    stack = _remembered(places, stack, processes.identify("s3", s3.pid or 0))
    say(f"stack: S3 answers, {time.monotonic() - started:.1f} s")
    _wait(places, stack, "mlflow", lambda: _mlflow_answers(stack, secrets))
    say(f"stack: MLflow answers, {time.monotonic() - started:.1f} s")
    _wait(places, stack, "airflow", lambda: _airflow_is_healthy(stack))
    say(f"stack: Airflow answers, {time.monotonic() - started:.1f} s")
    return _with_lost_workers(places, stack)


def _start_records(places: Places, stack: Stack, many: many_workers.Ports) -> Stack:
    """Start what Airflow needs before it starts itself where it has workers."""
    common = _common(places)
    stack = _launched(places, stack, "postgres", many_workers.postgres(places, many.postgres), common)
    stack = _launched(places, stack, "redis", many_workers.redis(places, many.redis), common)
    _wait(places, stack, "postgres", lambda: many_workers.postgres_answers(many))
    _wait(places, stack, "redis", lambda: many_workers.redis_answers(many))
    return stack


def _with_lost_workers(places: Places, stack: Stack) -> Stack:
    """Start the workers that do not run."""
    lost = stack.lost_workers()
    for number in range(1, stack.workers + 1):
        name = many_workers.worker_name(number)
        if name in lost:
            variables = _airflow_environment(places, stack) | many_workers.worker_environment(number)
            stack = _launched(places, stack, name, many_workers.worker(places, number), variables)
    return stack


def _launched(
    places: Places, stack: Stack, name: str, command: Sequence[str | Path], environment: Mapping[str, str]
) -> Stack:
    """Start a server in its folder of `var/`, with its log, and remember it."""
    folder = places.airflow_home if many_workers.is_worker(name) else places.var / name
    user = many_workers.postgres_user() if name == "postgres" else None
    server = processes.start(name, command, environment=environment, folder=folder, log=places.log(name), user=user)
    return _remembered(places, stack, server)


def _remembered(places: Places, stack: Stack, server: Process) -> Stack:
    others = [one for one in stack.servers if one.name != server.name]
    stack = stack.model_copy(update={"servers": (*others, server)})
    _write(places, stack)
    return stack


def _common(places: Places) -> dict[str, str]:
    """Return what every server inherits of this shell."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(NOT_INHERITED)}
    return inherited | {MARK: str(places.var)}


def _airflow_environment(places: Places, stack: Stack) -> dict[str, str]:
    secrets = secrets_in(places.secrets)
    own = airflow.environment(
        places,
        secrets,
        port=stack.airflow_port,
        store=_s3(places, secrets, stack.s3_port).environment(),
        registry_port=stack.mlflow_port,
        steps=containers.options(places) if stack.runtime == "docker" else {"runtime": stack.runtime},
    )
    many = many_workers.environment(places, stack.many, stack.workers) if stack.many else {}
    return _common(places) | own | many


def _s3(places: Places, secrets: Secrets, port: int) -> S3Server:
    return S3Server(places.var / "s3", secrets.s3_access_key, secrets.s3_secret_key, port=port)


def _s3_port(before: Stack | None) -> int:
    """Return the first port of the row that an earlier stack had, where it is free, else of another."""
    twins = (
        [port + twin for port in range(before.s3_port, before.s3_port + PORTS) for twin in (0, 10000)] if before else []
    )
    return before.s3_port if before and all(map(ports.is_free, twins)) else free_ports()


def _wait(places: Places, stack: Stack, name: str, answers: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while not answers():
        ended = name in stack.gone()
        if ended or time.monotonic() > deadline:
            log = places.log(name)
            lines = log.read_text(errors="replace").splitlines()[-12:]
            print("\n".join(lines))
            raise refuse(
                f"{name} of the stack did not start",
                expected=f"an answer within {START_LIMIT_S} s",
                got="it ended" if ended else "none",
                fix=f"see {log}, whose last lines are above",
            )
        time.sleep(0.1)


def _mlflow_answers(stack: Stack, secrets: Secrets) -> bool:
    try:
        answer = httpx.get(
            f"{stack.mlflow_url}/api/2.0/mlflow/experiments/get?experiment_id=0",
            auth=(USER, secrets.mlflow_password),
            timeout=5,
            trust_env=False,
        )
    except httpx.TransportError:
        return False
    return answer.status_code == httpx.codes.OK


def _airflow_is_healthy(stack: Stack) -> bool:
    try:
        answer = httpx.get(f"{stack.airflow_url}/api/v2/monitor/health", timeout=5, trust_env=False)
    except httpx.TransportError:
        return False
    if answer.status_code != httpx.codes.OK:
        return False
    parts = answer.json()
    return all(parts[part]["status"] == "healthy" for part in ("metadatabase", "scheduler", "dag_processor"))


def _end(places: Places) -> bool:
    stack = recorded(places)
    left = leftovers(places)
    asked = [one for one in stack.servers if one.name not in RECORDS] if stack else []  # those are still written into
    leaders = [server.pid for server in asked if server.is_alive()]
    if leaders:
        processes.send(leaders, signal.SIGINT)  # `airflow standalone` hears this one alone
        processes.wait_for_end(left, ASK_S)
        left = leftovers(places)
    for number, seconds in ((signal.SIGTERM, ASK_AGAIN_S), (signal.SIGKILL, KILL_S)):
        while left:
            processes.send(left, number)
            done = processes.wait_for_end(left, seconds)
            left = leftovers(places)  # one of them may have started another meanwhile
            if not done:
                break
    places.state.unlink(missing_ok=True)
    if stack is not None and stack.runtime == "docker":
        containers.remove(places)
    return stack is not None


def _write(places: Places, stack: Stack) -> None:
    part = places.state.with_suffix(".part")
    part.write_bytes(stack.to_json())
    part.replace(places.state)


@contextmanager
def _alone(places: Places) -> Iterator[None]:
    """Let one command at a time change the stack. The system drops the lock with the process, however that ends."""
    places.var.mkdir(parents=True, exist_ok=True)
    folder = os.open(places.var, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
