"""How a part of the stack does, by what is seen of its process and by what it says."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from featherline.stack import airflow, health, processes
from featherline.stack.airflow import Heartbeat
from featherline.stack.processes import Process

NOW = time.time()
LONG_AGO_S = 3600.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Process]:
    """Give a process that leads a session, with a child in it."""
    child = f"import subprocess, sys; subprocess.run([{sys.executable!r}, '-c', 'import time; time.sleep(60)'])"
    found = processes.start(
        "mlflow", [sys.executable, "-c", child], environment={}, folder=tmp_path, log=tmp_path / "log"
    )
    yield found
    pids = processes.marked("none", [found], tmp_path)
    processes.send(pids, signal.SIGKILL)
    processes.wait_for_end(pids, 10)


def process(age_s: float) -> Process:
    """Return a process that started so long ago."""
    ticks = int((time.clock_gettime(time.CLOCK_BOOTTIME) - age_s) * os.sysconf("SC_CLK_TCK"))
    return Process(name="scheduler", pid=1, started=ticks, boot=processes.boot_id())


def beat(age_s: float | None) -> Heartbeat:
    """Return a heartbeat of so long ago, or none."""
    return Heartbeat(healthy=True, at=None if age_s is None else datetime.fromtimestamp(NOW - age_s, UTC))


@pytest.mark.parametrize(
    ("started_s", "beat_s", "state", "why"),
    [
        (LONG_AGO_S, 4, "healthy", "last heartbeat 4 s ago"),
        (LONG_AGO_S, health.UNRESPONSIVE_S + 1, "unresponsive", "its last heartbeat was 46 s ago"),
        (LONG_AGO_S, 75, "unresponsive", "its last heartbeat was 75 s ago"),
        (20, 25, "starting", "has not told yet"),  # the heartbeat of the process before it
        (20, None, "starting", "has not told yet"),
        (LONG_AGO_S, None, "unresponsive", "has not told yet"),
        (LONG_AGO_S, LONG_AGO_S + 100, "unresponsive", "has not told yet"),
    ],
)
def test_a_heartbeat_tells_who_lives(started_s: float, beat_s: float | None, state: str, why: str):
    """A process that runs and whose heartbeat is old does nothing; one from before its start is another's."""
    found = health.judge_heartbeat("scheduler", process(started_s), beat(beat_s), NOW)

    assert found.state == state
    assert why in found.why


def test_a_process_is_seen_dead_or_stopped(server: Process, tmp_path: Path):
    """Also one of whose children is stopped: a server of several processes answers nobody then."""
    deadline = time.monotonic() + 10
    while len(ours := processes.marked("none", [server], tmp_path)) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    (child,) = [pid for pid in ours if pid != server.pid]

    def seen() -> str:
        found = health.seen_from_outside("mlflow", server, ours)
        return found.state if found else "nothing"

    def seen_after(pid: int, number: signal.Signals) -> str:
        os.kill(pid, number)
        time.sleep(0.2)
        return seen()

    assert seen() == "nothing"
    assert seen_after(child, signal.SIGSTOP) == "stopped"
    assert seen_after(child, signal.SIGCONT) == "nothing"
    assert seen_after(server.pid, signal.SIGSTOP) == "stopped"
    assert seen_after(server.pid, signal.SIGKILL) == "dead"
    assert health.seen_from_outside("mlflow", None, ours) == health.Health("mlflow", "dead", "it was never started")


def test_what_is_told_names_what_it_means():
    """For whoever is called at night."""
    dead = health.Health("scheduler", "dead", "its process 7 has ended")
    worker = health.Health("worker2", "unresponsive", "it does not answer")

    assert dead.told == "scheduler is dead: its process 7 has ended, so no task is started"
    assert worker.told == "worker2 is unresponsive: it does not answer, so its tasks wait for another worker"
    assert health.Health("s3", "healthy").told == "s3 is healthy"


BODIES = {
    "well": b'{"metadatabase": {"status": "healthy"}, "scheduler": {"status": "healthy", '
    b'"latest_scheduler_heartbeat": "2026-11-27T10:00:00+00:00"}, "triggerer": {"status": null}}',
    "no object": b"[]",
    "no JSON": b"<html>",
}


@pytest.fixture
def api_server() -> Iterator[HTTPServer]:
    """Give a server whose page of health is what `body` says."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.server.body  # type: ignore[attr-defined]
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    found = HTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=found.serve_forever, daemon=True).start()
    yield found
    found.shutdown()
    found.server_close()


def test_heartbeats_are_read_of_the_api_server(api_server: HTTPServer):
    """A part that was never there has none; a page that is something else is no answer, and neither is silence."""
    port = api_server.server_address[1]

    def found(body: str) -> dict[str, Heartbeat] | None:
        api_server.body = BODIES[body]  # type: ignore[attr-defined]
        return airflow.heartbeats(port)

    well = found("well")
    assert well is not None
    assert well["metadatabase"].healthy
    assert well["scheduler"] == Heartbeat(healthy=True, at=datetime(2026, 11, 27, 10, tzinfo=UTC))
    assert well["dag-processor"] == Heartbeat(healthy=False, at=None)
    assert found("no object") is found("no JSON") is None


def test_a_server_that_never_answers_has_no_heartbeats():
    """It takes the connection and says nothing, as one that hangs does."""
    with socket.create_server(("127.0.0.1", 0)) as hung:
        assert airflow.heartbeats(hung.getsockname()[1], timeout_s=0.3) is None
