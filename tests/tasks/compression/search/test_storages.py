"""The storage of a search on a server that is away for a while: a real Redis, and a database that is locked."""

from __future__ import annotations

import shutil
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import optuna
import pytest

from featherline.tasks.compression.search.study import open_storage
from featherline.tasks.contracts.refusal import Unavailable
from featherline.tasks.contracts.request import Variable

Start = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[tuple[str, Start]]:
    """Give the address of a Redis that keeps what it is told, and what starts it."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("there is no redis-server here")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(tmp_path)]
        command += ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
        started.append(subprocess.Popen(command, stdout=subprocess.DEVNULL))
        return started[-1]

    yield f"redis://127.0.0.1:{port}/0", start
    for process in started:
        process.kill()
        process.wait()


def test_a_study_outlives_its_server(redis: tuple[str, Start], monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis is killed and comes back: a worker that asks meanwhile waits, and no trial is lost."""
    monkeypatch.setenv(Variable.PATIENCE, "30")
    address, start = redis
    server = start()
    study = optuna.create_study(storage=open_storage(address, "s"), study_name="s")
    study.tell(study.ask(), 1.0)
    server.kill()
    server.wait()
    worker = threading.Thread(target=lambda: study.tell(study.ask(), 2.0))
    worker.start()
    time.sleep(1)
    start()
    worker.join(30)

    assert [trial.value for trial in study.trials] == [1.0, 2.0]


def test_a_study_that_is_away_for_good_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the patience, with the address, and without its password."""
    monkeypatch.setenv(Variable.PATIENCE, "0")

    with pytest.raises(Unavailable) as refusal:
        optuna.create_study(storage=open_storage("redis://:word@127.0.0.1:9/0", "s"), study_name="s")

    assert refusal.value.problems[0].what == "the storage of searches redis://127.0.0.1:9 is out of reach"
    assert "word" not in str(refusal.value)


def test_a_database_that_is_locked_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each operation on a database is asked again too."""
    monkeypatch.setenv(Variable.PATIENCE, "30")
    study = optuna.create_study(storage=open_storage(f"sqlite:///{tmp_path}/s.db?timeout=0.1", "s"), study_name="s")
    other = sqlite3.connect(tmp_path / "s.db", check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")
    release = threading.Timer(1.0, other.rollback)
    release.start()

    study.tell(study.ask(), 1.0)

    release.join()
    other.close()
    assert [trial.value for trial in study.trials] == [1.0]
