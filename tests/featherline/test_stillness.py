"""Why nothing moves: one reason, with what a person can do about it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from featherline import stillness
from featherline.airflow_client import AirflowClient, TaskState
from featherline.places import Places
from featherline.stack.health import Health
from featherline.stillness import Seen, Stillness, reason
from featherline.tasks.contracts.refusal import Refused

DEAD = Health("scheduler", "dead", "its process 7 has ended")
SILENT = Health("scheduler", "unresponsive", "its last heartbeat was 75 s ago")
STARTING = Health("api-server", "starting", "it does not answer yet")


def task(task_id: str, state: str, label: str = "") -> TaskState:
    """Return a task in a state."""
    return TaskState(task_id, -1, label, state, tries=1, duration_s=0)


def seen(state: str = "running", *tasks: TaskState, **more: Any) -> Seen:
    """Return what is known of a run."""
    return Seen("http://host", state, tasks, **more)


@pytest.mark.parametrize(
    ("known", "why", "fix"),
    [
        (seen(ill=[DEAD]), "scheduler is dead: its process 7 has ended, so no task is started", "featherline up"),
        (seen("running", task("train", "running"), ill=[SILENT]), "its last heartbeat was 75 s ago", "featherline up"),
        (seen(ill=[STARTING]), "api-server is starting", "wait a minute"),
        (seen("queued", paused=True), "retrain_and_compress is paused", "unpause it"),
        (seen("running", task("train", ""), paused=True), "retrain_and_compress is paused", "unpause it"),
        (seen("queued", others=["digits-1"]), "it waits for digits-1: one run is under way", "runs/digits-1"),
        (seen("queued"), "the scheduler has not begun the run", "featherline status"),
        (seen("running", task("approve", "awaiting_input")), "approve waits for a person", "required_actions"),
        (seen("running", task("train", "up_for_retry")), "train did not end well and is tried again", "log"),
        (
            seen("running", task("train", "scheduled"), full_pools=(("default_pool", 128),)),
            "no slot is free in default_pool (all 128 slots are taken)",
            "/pools",
        ),
        (seen("running", task("lanes.prune", "queued", "int8")), "no worker takes lanes.prune int8", "workers"),
        (
            seen("running", *(task(f"step{number}", "scheduled") for number in range(6))),
            "does not start step0, step1, step2, step3 and 2 more",
            "featherline status",
        ),
        (seen("running", task("train", "")), "the scheduler starts no task", "featherline status"),
    ],
)
def test_each_reason_is_told_with_what_to_do(known: Seen, why: str, fix: str):
    """The first that holds: nothing else can be mended before it."""
    found = reason(known)

    assert found is not None
    assert why in found.why
    assert fix in found.fix


def test_a_task_that_runs_moves():
    """However long: a training of a day is no reason to call anybody. Not even in a pause."""
    tasks = (task("train", "running"), task("export", "scheduled"))

    assert reason(seen("running", *tasks)) is None
    assert reason(seen("running", *tasks, paused=True)) is None


ANSWERS = {
    "/api/v2/dags/retrain_and_compress": b'{"is_paused": true}',
    "/api/v2/dags/retrain_and_compress/dagRuns": b'{"dag_runs": [{"dag_run_id": "mine"}]}',
    "/api/v2/pools": b'{"pools": [{"name": "a", "slots": 1, "open_slots": 0}, {"name": "b", "slots": -1,'
    b' "open_slots": -1}, {"name": "c", "slots": 2, "open_slots": 1}], "total_entries": 3}',
}


@pytest.fixture
def client() -> Iterator[AirflowClient]:
    """Give the client of an Airflow that is paused, and has a pool without a free slot."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = ANSWERS[self.path.partition("?")[0]]
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield AirflowClient(f"http://127.0.0.1:{server.server_address[1]}", "admin", "word")
    server.shutdown()
    server.server_close()


def test_a_reason_is_said_once_when_nothing_has_moved(
    client: AirflowClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Not before its time, not again while it stays the same, and again after something moved."""
    monkeypatch.setattr(stillness, "LOOK_S", 0)
    monkeypatch.setattr(stillness, "QUIET_S", 3600)
    said: list[str] = []
    watch = Stillness(Places(var=tmp_path), client, "mine", said.append)
    watch.look("running", [task("train", "")])
    assert said == []

    monkeypatch.setattr(stillness, "QUIET_S", 0)
    for _ in range(3):
        watch.look("running", [task("train", "")])
    assert len(said) == 1
    assert "nothing has moved for 0 s: the pipeline retrain_and_compress is paused; fix: unpause it" in said[0]

    watch.look("running", [task("train", ""), task("export", "")])
    assert len(said) == 2


def test_pools_without_a_free_slot_are_known(client: AirflowClient):
    """One without an end is never full."""
    assert client.full_pools() == {"a": 1}


def test_a_stack_that_was_ended_is_not_waited_for(client: AirflowClient, tmp_path: Path):
    """Its run goes on at the next start; who follows it is told so."""
    watch = Stillness(Places(var=tmp_path), client, "mine", print)

    with pytest.raises(Refused, match="the run goes on where it was"):
        watch.away()
