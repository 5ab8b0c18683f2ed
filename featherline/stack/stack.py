"""The whole embedded stack: up and down.

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

from featherline.places import Places
from featherline.stack import airflow, containers, many_workers, mlflow, ports, processes
from featherline.stack.processes import MARK
from featherline.stack.record import RECORDS, Runtime, Stack, recorded, remember
from featherline.stack.s3_server import PORTS, S3Server, free_ports
from featherline.stack.secrets import Secrets, secrets_in
from tasks.contracts.refusal import refuse

NOT_INHERITED = ("AIRFLOW", "AWS_", "MLFLOW_", "PYTHON", "VIRTUAL_ENV", "GX_", "OTEL_")
"""What of this shell would change how the servers behave (PYTHONDONTWRITEBYTECODE alone costs 4 s a step)."""
START_LIMIT_S = 240
ASK_S, ASK_AGAIN_S, KILL_S = 2.0, 0.5, 5.0
"""How long each way of ending the stack may take."""


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
    stack = remember(places, stack, processes.identify("s3", s3.pid or 0))
    say(f"stack: S3 answers, {time.monotonic() - started:.1f} s")
    _wait(places, stack, "mlflow", lambda: mlflow.answers(mlflow_port, secrets))
    say(f"stack: MLflow answers, {time.monotonic() - started:.1f} s")
    _wait(places, stack, "airflow", lambda: airflow.is_healthy(airflow_port))
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
    return remember(places, stack, server)


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
