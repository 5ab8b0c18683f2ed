"""The whole embedded stack: up, down, and what of it runs.

    up ──► SeaweedFS + MLflow + Airflow, at once ──► each answers ──► var/stack.json
    down ──► asked (INT), asked again (TERM), killed (KILL) ──► nothing left, var/stack.json gone

What runs is found by process id and start time and by a mark that children inherit, so that `down` also cleans up after
a crash of anything, and never touches a process of anybody else.
"""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

import httpx

from featherline.places import Places
from featherline.stack import airflow, containers, mlflow, ports, processes
from featherline.stack.ports import HOST
from featherline.stack.processes import MARK, Process
from featherline.stack.s3_server import PORTS, S3Server, free_ports
from featherline.stack.secrets import USER, Secrets, secrets_in
from tasks.contracts.base import Contract
from tasks.contracts.refusal import refuse

SERVERS = ("s3", "mlflow", "airflow")
NOT_INHERITED = ("AIRFLOW", "AWS_", "MLFLOW_", "PYTHON", "VIRTUAL_ENV", "GX_", "OTEL_")
"""What of this shell would change how the servers behave (PYTHONDONTWRITEBYTECODE alone costs 4 s a step)."""
START_LIMIT_S = 240
ASK_S, ASK_AGAIN_S, KILL_S = 2.0, 0.5, 5.0
"""How long each way of ending the stack may take."""


class Stack(Contract):
    """A stack that was started: its servers and where they listen."""

    servers: tuple[Process, ...]
    s3_port: int
    mlflow_port: int
    airflow_port: int
    runtime: Literal["process", "docker"] = "process"
    """How its steps run."""

    @property
    def airflow_url(self) -> str:
        """Return the address of the UI and the API."""
        return f"http://{HOST}:{self.airflow_port}"

    @property
    def mlflow_url(self) -> str:
        """Return the address of the registry."""
        return f"http://{HOST}:{self.mlflow_port}"

    def gone(self) -> list[str]:
        """Return the names of the servers that do not run."""
        alive = {server.name for server in self.servers if server.is_alive()}
        return [name for name in SERVERS if name not in alive]


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
    places: Places, say: Callable[[str], None], runtime: Literal["process", "docker"] = "process"
) -> tuple[Stack, bool]:
    """Start the stack, unless it runs. Of a stack that runs in part, the rest is ended first.

    Args:
        places: Of the stack.
        say: Takes a line for the person who waits.
        runtime: How steps run.

    Returns:
        The stack, and whether it was started now.

    Raises:
        Refused: A server ended or did not answer in time; then nothing is left running. Or the stack runs already, but
            its steps run otherwise; or no engine has the images.
    """
    with _alone(places):
        stack = recorded(places)
        if stack and not stack.gone():
            if stack.runtime != runtime:
                raise refuse(
                    f"the stack is up, and its steps run as {stack.runtime}",
                    expected="a stack that is down, or that runs them as asked",
                    got=f"--runtime {runtime}",
                    fix="make down, and the same again",
                )
            return stack, False
        steps = containers.options(places) if runtime == "docker" else {"runtime": runtime}
        if stack or leftovers(places):
            say("stack: ending what an earlier one has left behind")
            _end(places)
        try:
            return _start(places, stack, say, steps), True
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


def _start(places: Places, before: Stack | None, say: Callable[[str], None], steps: Mapping[str, object]) -> Stack:
    started = time.monotonic()
    secrets = secrets_in(places.secrets)
    wanted = [before.mlflow_port, before.airflow_port] if before else [None, None]
    mlflow_port, airflow_port = ports.choose(wanted)
    processes.listen_to_interrupts()
    common = {name: value for name, value in os.environ.items() if not name.startswith(NOT_INHERITED)}
    common |= {MARK: str(places.var)}
    os.environ[MARK] = str(places.var)  # the S3 server inherits it
    s3 = S3Server(places.var / "s3", secrets.s3_access_key, secrets.s3_secret_key, port=_s3_port(before))
    store = s3.environment()
    servers = [
        processes.start(
            "mlflow",
            mlflow.command(places, mlflow_port),
            environment=common | mlflow.environment(places, secrets, store),
            folder=places.var / "mlflow",
            log=places.log("mlflow"),
        ),
        processes.start(
            "airflow",
            airflow.command(places),
            environment=common
            | airflow.environment(
                places, secrets, port=airflow_port, store=store, registry_port=mlflow_port, steps=steps
            ),
            folder=places.airflow_home,
            log=places.log("airflow"),
        ),
    ]
    stack = Stack.model_validate(
        {
            "servers": tuple(servers),
            "s3_port": s3.port or 0,
            "mlflow_port": mlflow_port,
            "airflow_port": airflow_port,
            "runtime": steps["runtime"],
        }
    )
    _write(places, stack)
    s3.start()
    for bucket in (airflow.BUCKET, mlflow.BUCKET):
        s3.create_bucket(bucket)
    stack = stack.model_copy(update={"servers": (processes.identify("s3", s3.pid or 0), *servers)})
    _write(places, stack)
    say(f"stack: S3 answers, {time.monotonic() - started:.1f} s")
    _wait(places, stack, "mlflow", lambda: _mlflow_answers(stack, secrets))
    say(f"stack: MLflow answers, {time.monotonic() - started:.1f} s")
    _wait(places, stack, "airflow", lambda: _airflow_is_healthy(stack))
    say(f"stack: Airflow answers, {time.monotonic() - started:.1f} s")
    return stack


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
    leaders = [server.pid for server in stack.servers if server.is_alive()] if stack else []
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
