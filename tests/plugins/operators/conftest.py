"""The runtimes under test, behind one way of making an operator whose step is a script."""

from __future__ import annotations

import contextlib
import secrets
import signal
import subprocess
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

ROOT = Path(__file__).resolve().parents[3]
Operator = Any

ANSWER = """
import json, os, pathlib, sys

def answer(outputs, **changes):
    result = dict(format=2, step=sys.argv[1],
                   run_id="run", status="ran", key="0" * 64, seconds=0.5, outputs=outputs) | changes
    pathlib.Path(os.environ["FEATHERLINE_RESULT"]).write_text(json.dumps(result))

request = json.loads(os.environ.get("FEATHERLINE_REQUEST", "{}"))
"""

STUBBORN = """
import signal, subprocess, time
child = subprocess.Popen(
    [sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"]
)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path(os.environ["FEATHERLINE_TEST_PIDS"]).write_text(f"{os.getpid()} {child.pid}")
print("stubborn", flush=True)
time.sleep(60)
"""


class Runtime(Protocol):
    """A runtime, as the tests see it.

    Attributes:
        STUBBORN: A script that ignores SIGTERM, as its child does.
        OUT_OF_MEMORY: A script that ends as a step does that takes more memory than there is.
    """

    STUBBORN: str
    OUT_OF_MEMORY: str

    def operator(self, script: str, **options: Any) -> Operator:
        """Return an operator whose step is a script."""

    def is_stubborn(self) -> bool:
        """Return whether a stubborn step is up."""

    def left(self) -> list[str]:
        """Return what of the steps is still there: processes, containers, volumes."""


class ProcessRuntime:
    """Child processes of the tests."""

    STUBBORN = STUBBORN
    OUT_OF_MEMORY = "os.kill(os.getpid(), 9)"

    def __init__(self, home: Path) -> None:
        """Use the deployment's home."""
        self.home = home

    def operator(self, script: str, **options: Any) -> Operator:
        """Return an operator whose step is a script."""
        from featherline.airflow.operators.process_step import ProcessStepOperator  # noqa: PLC0415 - after Airflow's home is set

        (self.home / "featherline" / "tasks" / "__main__.py").write_text(ANSWER + textwrap.dedent(script))
        return ProcessStepOperator(task_id="prune", step="prune", **{"request": {"inputs": {}}} | options)

    def is_stubborn(self) -> bool:
        """Return whether both processes are up."""
        return (self.home / "pids").exists()

    def left(self) -> list[str]:
        """Return the processes of a stubborn step that still run, a second after they were killed."""
        pids = (self.home / "pids").read_text().split() if self.is_stubborn() else []
        deadline = time.monotonic() + 1
        while (alive := [pid for pid in pids if _state(pid) not in "ZX"]) and time.monotonic() < deadline:
            time.sleep(0.02)
        return alive


class Engine:
    """A Docker engine with the image that every image of a step stands on, and a deployment of the tests' own."""

    def __init__(self, client: Any, image: str) -> None:
        """Use the engine of this client."""
        self.client = client
        self.image = image
        self.volume = f"featherline-test-{secrets.token_hex(4)}"

    def containers(self) -> list[dict[str, Any]]:
        """Return the tests' own containers, also those that ended."""
        found: list[dict[str, Any]] = self.client.containers(all=True, filters=self._ours())
        return found

    def left(self) -> list[str]:
        """Return the names of the tests' own containers and of their exchange folders."""
        volumes = self.client.volumes(filters=self._ours())["Volumes"] or []
        return [one["Names"][0] for one in self.containers()] + [one["Name"] for one in volumes]

    def _ours(self) -> dict[str, list[str]]:
        return {"label": [f"featherline.volume={self.volume}"]}


class DockerRuntime:
    """Containers of an image that has nothing but Python, into which the script is mounted."""

    STUBBORN = STUBBORN
    OUT_OF_MEMORY = "data = b'x' * 2**30"

    def __init__(self, home: Path, engine: Engine) -> None:
        """Use the deployment's home, and an engine."""
        self.home = home
        self.engine = engine

    def operator(self, script: str, **options: Any) -> Operator:
        """Return an operator whose step is a script."""
        from featherline.airflow.operators.docker_step import DockerStepOperator  # noqa: PLC0415 - after Airflow's home is set

        (self.home / "featherline" / "tasks" / "__main__.py").write_text(ANSWER + textwrap.dedent(script))
        return DockerStepOperator(task_id="prune", step="prune", **{"request": {"inputs": {}}} | options)

    def is_stubborn(self) -> bool:
        """Return whether both processes are up."""
        return any(b"stubborn" in self.engine.client.logs(one["Id"]) for one in self.engine.containers())

    def left(self) -> list[str]:
        """Return containers and volumes."""
        return self.engine.left()


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """Give a Docker engine; at the end of all tests, nothing of them may be left on it."""
    docker = pytest.importorskip("docker")
    try:
        client = docker.APIClient(version="auto")
    except docker.errors.DockerException as error:
        pytest.skip(f"no Docker engine answers (docker/engine.sh up): {error}")
    bases = ("featherline-base:bookworm", "python:3.11-slim-bookworm")
    if not any(client.images(name=base) for base in bases):
        pytest.skip(f"the engine has none of {', '.join(bases)} (make base-image)")
    built = subprocess.run([ROOT / "docker" / "build.sh", "step-base"], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr[-2000:]
    engine = Engine(client, built.stdout.split()[0])

    yield engine

    left = engine.left()
    for one in engine.containers():
        client.remove_container(one["Id"], v=True, force=True)
    with contextlib.suppress(docker.errors.NotFound):
        client.remove_volume(engine.volume)
    assert left == []


@pytest.fixture
def docker_runtime(home: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> DockerRuntime:
    """Give the runtime docker: 128 MiB for the step `prune`, and a store that no script asks for."""
    for name, value in {
        "IMAGE": engine.image,
        "STORE": f"s3://{engine.volume}",  # in the containers' names: two runs of the tests share an engine
        "DOCKER_VOLUME": engine.volume,
        "DOCKER_MOUNTS": f"{home / 'featherline'}:/app/featherline",
        "RESOURCES": '{"prune": {"memory_mib": 128}}',
    }.items():
        monkeypatch.setenv(f"AIRFLOW__FEATHERLINE__{name}", value)
    monkeypatch.setenv("FEATHERLINE_TEST_PIDS", "/tmp/pids")  # noqa: S108 - the container's own
    return DockerRuntime(home, engine)


@pytest.fixture
def process_runtime(home: Path, monkeypatch: pytest.MonkeyPatch) -> ProcessRuntime:
    """Give the runtime process."""
    monkeypatch.setenv("FEATHERLINE_TEST_PIDS", str(home / "pids"))
    return ProcessRuntime(home)


@pytest.fixture(params=["process", "docker"])
def runtime(request: pytest.FixtureRequest) -> Runtime:
    """Give each runtime in turn."""
    found: Runtime = request.getfixturevalue(f"{request.param}_runtime")
    return found


@pytest.fixture
def alarm() -> Iterator[Callable[[Callable[[], bool], Callable[[], None]], None]]:
    """Give a way to call something from a signal handler, as Airflow does, as soon as a condition holds."""
    before = signal.getsignal(signal.SIGALRM)

    def when(condition: Callable[[], bool], action: Callable[[], None]) -> None:
        def tick(*_: object) -> None:
            if condition():
                signal.setitimer(signal.ITIMER_REAL, 0)
                action()

        signal.signal(signal.SIGALRM, tick)
        signal.setitimer(signal.ITIMER_REAL, 0.2, 0.2)

    yield when
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def _state(pid: str) -> str:
    """Return the letter of a process's state; Z where it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "Z"
