"""The command line and the embedded stack as a user has them: real processes, in a folder of the test's own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from featherline import runs
from featherline.airflow_client import AirflowClient
from featherline.places import ROOT, Places
from featherline.stack import airflow, processes, record
from featherline.stack import stack as stacks
from featherline.tasks.store.artifacts import Store, open_store

LIMIT_S = 900


class Featherline:
    """The program `featherline`, with its state in a folder of its own."""

    def __init__(self, var: Path) -> None:
        """Use `var` instead of the checkout's."""
        self.places = Places(var=var)

    def call(self, *words: str, code: int = 0) -> str:
        """Call the program to its end and return what it said on both channels; it must end with `code`."""
        done = subprocess.run(
            self._command(words), env=self._environment(), capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
        assert done.returncode == code, f"{words} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Call the program and do not wait."""
        return subprocess.Popen(
            self._command(words),
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, recipe: str, *words: str, code: int = 0) -> dict[str, Any]:
        """Run a recipe and return its summary."""
        told = self.call("run", recipe, *words, code=code)
        run_id = told.split("run ", 1)[1].split(",", 1)[0]
        return self.summary(self.places.run(run_id))

    def summary(self, folder: Path) -> dict[str, Any]:
        """Read a summary as anybody would."""
        found: dict[str, Any] = json.loads((folder / "summary.json").read_text())
        return found

    def airflow(self) -> AirflowClient:
        """Return the stack's Airflow."""
        return runs.client_of(self.places, record.running(self.places))

    def processes(self, word: str = "") -> list[int]:
        """Return the live processes of the stack whose command line holds `word`."""
        found = []
        for pid in stacks.leftovers(self.places):
            try:
                line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if word in line:
                found.append(pid)
        return found

    def wait(self, true: Callable[[], Any], seconds: float) -> Any:
        """Wait until a function returns something true, and return that."""
        deadline = time.monotonic() + seconds
        while not (found := true()):
            assert time.monotonic() < deadline, f"not within {seconds} s"
            time.sleep(0.2)
        return found

    def enter(self) -> Store:
        """Give this process the stack's keys, and return its store."""
        runs.enter(self.places, record.running(self.places))
        return open_store(f"s3://{airflow.BUCKET}")

    def _command(self, words: tuple[str, ...]) -> list[str]:
        return [str(self.places.program("tasks", "python")), "-m", "featherline", *words]

    def _environment(self) -> dict[str, str]:
        return os.environ | {"FEATHERLINE_VAR": str(self.places.var), "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="session")
def make_featherline() -> type[Featherline]:
    """Give the maker of a program with a stack of its own; who makes one ends it."""
    return Featherline


@pytest.fixture(scope="session")
def featherline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Featherline]:
    """Give a stack that runs, and leave nothing of it."""
    program = Featherline(tmp_path_factory.mktemp("stack") / "var")
    program.call("up")
    yield program
    try:
        program.call("down")
    finally:
        left = program.processes()
        processes.send(left, signal.SIGKILL)
    assert left == []


@pytest.fixture
def up(featherline: Featherline) -> Featherline:
    """Give the running stack, started again where an earlier test has ended it."""
    featherline.call("up")
    return featherline
