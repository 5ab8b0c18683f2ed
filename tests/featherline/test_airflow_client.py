"""What the client does when Airflow falters, against a server that does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from featherline import airflow_client
from featherline.airflow_client import AirflowClient
from featherline.tasks.contracts.refusal import Refused

BUSY = (500, {"detail": {"reason": "Database error", "message": "Serious error when handling your request"}})


class Faltering(HTTPServer):
    """Gives the answers that a test wrote down, the last one for ever."""

    answers: list[tuple[int, object]]
    asked: list[str]


class Handler(BaseHTTPRequestHandler):
    """Answers in order."""

    server: Faltering

    def do_POST(self) -> None:
        """Take the next answer."""
        self.rfile.read(int(self.headers["Content-Length"]))
        answers = self.server.answers
        self.server.asked.append(self.path)
        status, body = answers.pop(0) if len(answers) > 1 else answers[0]
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base
        """Stay silent."""


@pytest.fixture
def server() -> Iterator[Faltering]:
    """Give a server on loopback."""
    with Faltering(("127.0.0.1", 0), Handler) as found:
        found.asked = []
        thread = Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def client(server: Faltering) -> AirflowClient:
    """Return a client of it."""
    return AirflowClient(f"http://127.0.0.1:{server.server_port}", "user", "password")


def test_a_busy_database_is_asked_again(server: Faltering):
    """Airflow took back what it had begun, so the run starts once."""
    server.answers = [BUSY, BUSY, (200, {"dag_run_id": "one"})]

    client(server).trigger("one", {})

    assert len(server.asked) == 3


def test_a_server_that_stays_broken_is_told(server: Faltering, monkeypatch: pytest.MonkeyPatch):
    """There is an end to patience, and the last answer is what the user reads."""
    monkeypatch.setattr(airflow_client, "LOST_S", 0.6)
    server.answers = [BUSY]

    with pytest.raises(Refused, match=r"500: .*Database error"):
        client(server).trigger("one", {})

    assert len(server.asked) >= 2


def test_a_bad_order_is_not_repeated(server: Faltering):
    """What is wrong stays wrong."""
    server.answers = [(422, {"detail": "recipe: unknown"})]

    with pytest.raises(Refused, match="422: recipe: unknown"):
        client(server).trigger("one", {})

    assert len(server.asked) == 1
