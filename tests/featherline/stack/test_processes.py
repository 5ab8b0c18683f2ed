"""Processes that outlive the command that started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from featherline.stack import processes
from featherline.stack.processes import MARK, Process

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
PARENT = [
    sys.executable,
    "-c",
    (
        "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
        "print('started', flush=True); time.sleep(60)"
    ),
]


@pytest.fixture
def mark(tmp_path: Path) -> Iterator[str]:
    """Give a mark that no other process has, and end what carries it."""
    yield str(tmp_path)
    processes.send(processes.marked(str(tmp_path), (), tmp_path), signal.SIGKILL)


def start(tmp_path: Path, mark: str, command: list[str] = SLEEP) -> Process:
    """Start a marked process and wait until it runs its own program."""
    environment = {"PATH": os.environ["PATH"], MARK: mark}
    server = processes.start("it", command, environment=environment, folder=tmp_path, log=tmp_path / "log" / "it.log")
    wait_until(lambda: server.pid in processes.marked(mark, (), tmp_path))
    return server


def wait_until(true: object, seconds: float = 10) -> None:
    """Wait until a function returns something true."""
    deadline = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_started_process_is_alive_until_it_ends(tmp_path: Path, mark: str):
    """Its identity holds while it runs, and no longer when it was killed, also as a zombie."""
    server = start(tmp_path, mark)
    alive = server.is_alive()

    os.kill(server.pid, signal.SIGKILL)
    wait_until(lambda: processes.started_at(server.pid) is None)

    assert alive
    assert not server.is_alive()
    assert Path(f"/proc/{server.pid}").exists()  # nobody has reaped it
    assert processes.wait_for_end([server.pid], 1)


def test_a_process_id_given_anew_is_another_process(tmp_path: Path, mark: str):
    """The same id with another start time, or of another start of the machine, is not ours."""
    server = start(tmp_path, mark)

    later = server.model_copy(update={"started": server.started + 1})
    rebooted = server.model_copy(update={"boot": "another"})

    assert not later.is_alive()
    assert not rebooted.is_alive()


def test_children_of_a_killed_server_are_found(tmp_path: Path, mark: str):
    """A kill of the server alone leaves its child; the mark, which it inherited, finds it."""
    server = start(tmp_path, mark, PARENT)
    log = tmp_path / "log" / "it.log"
    wait_until(lambda: "started" in log.read_text())
    wait_until(lambda: len(processes.marked(mark, (), tmp_path)) == 2)

    os.kill(server.pid, signal.SIGKILL)
    processes.wait_for_end([server.pid], 5)

    (child,) = processes.marked(mark, (), tmp_path)
    assert child != server.pid


def test_a_process_that_hides_its_environment_is_found_by_session_and_folder(tmp_path: Path):
    """Servers that write a title over their environment lose the mark; their session and folder remain."""
    server = processes.start("it", SLEEP, environment={}, folder=tmp_path, log=tmp_path / "it.log")
    try:
        ours = processes.marked("no such mark", [server], tmp_path)
        elsewhere = processes.marked("no such mark", [server], tmp_path / "another")
    finally:
        os.kill(server.pid, signal.SIGKILL)
        processes.wait_for_end([server.pid], 5)

    assert ours == [server.pid]
    assert elsewhere == []


def test_a_foreign_process_is_not_ours(tmp_path: Path, mark: str):
    """What carries another mark, such as another checkout's stack, is left alone."""
    foreign = subprocess.Popen(SLEEP, env={MARK: f"{mark}-other"}, start_new_session=True)
    try:
        found = processes.marked(mark, (), tmp_path)
    finally:
        foreign.kill()
        foreign.wait()

    assert found == []


def test_a_process_in_the_background_still_hears_an_interrupt():
    """A shell that starts us with & has SIGINT ignored; our children must hear it all the same."""
    code = (
        "import signal, subprocess, sys\n"
        "from featherline.stack import processes\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "processes.listen_to_interrupts()\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(30)'], start_new_session=True)\n"
        "import time; time.sleep(1)\n"
        "child.send_signal(signal.SIGINT)\n"
        "print(child.wait(20))\n"
    )

    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)

    assert told.stdout.strip() == str(-signal.SIGINT)


def test_what_does_not_end_in_time_is_told(tmp_path: Path, mark: str):
    """Waiting gives up after the time it was given."""
    server = start(tmp_path, mark)

    assert not processes.wait_for_end([server.pid], 0.1)
