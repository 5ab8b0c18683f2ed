"""Two Celery workers share a run; one of them is killed in the middle, and the run ends as if nothing had happened."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import struct
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "featherline" / "stack"))

from stranger import as_nobody, needs_root, open_to_others

from featherline.stack import many_workers, processes, record
from featherline.stack.secrets import password_in

pytestmark = pytest.mark.stack

THREE_LANES = [
    "--seed=21",
    "--set=train.epochs=2",
    "--set=train.checks={min_quality: 0.1, min_slice_quality: 0}",
    "--set=search.trials=2",
    "--set=search.epochs=1",
    "--set=search.promoted_epochs=1",
    "--set=candidates.sparse-clustered=null",
    "--set=candidates.searched-int8=null",
    "--set=candidates.pruned-qat=null",
    "--set=candidates.float16-sparse24.prune.fit={epochs: 1, batch_size: 64}",
    "--set=candidates.dynamic={quantize: {scheme: dynamic_wi8_afp32}}",
    "--set=gate={min_quality: 0.05, max_drop: 1, max_slice_drop: 1, objective: size}",
    "--set=release.name=digits-workers",
]
"""Three candidates, whose outcome does not depend on the search, and two search workers."""


@pytest.fixture(scope="module")
def two(make_featherline: Any) -> Iterator[Any]:
    """Give a stack with two workers, and leave nothing of it."""
    if not (shutil.which("redis-server") and list(Path("/usr/lib/postgresql").glob("*/bin/postgres"))):
        pytest.skip(f"there is no PostgreSQL or no Redis: {many_workers.FIX}")
    folder = Path(tempfile.mkdtemp(prefix="featherline-workers-"))
    folder.chmod(0o711)  # PostgreSQL does not run as root, and its user must come by
    program = make_featherline(folder / "var")
    try:
        program.call("up", "--workers", "2")
        yield program
    finally:
        program.call("down")
        left = program.processes()
        processes.send(left, signal.SIGKILL)
        shutil.rmtree(folder)
    assert left == []


@pytest.fixture(scope="module")
def undisturbed(two: Any) -> dict[str, Any]:
    """Give the summary of a run to which nothing happened."""
    summary: dict[str, Any] = two.run("digits", *THREE_LANES)
    return summary


def hosts(two: Any, run_id: str) -> dict[str, str]:
    """Return which worker ran the last try of each task."""
    place = f"/api/v2/dags/retrain_and_compress/dagRuns/{run_id}/taskInstances"
    found = two.airflow()._pages(place, "task_instances")
    return {f"{one['task_id']}.{one['map_index']}": one["hostname"] for one in found if one["hostname"]}


def told(two: Any, run_id: str, name: str, beginning: str) -> list[str]:
    """Return the lines of a task's log that begin so."""
    client = two.airflow()
    task = next(one for one in client.tasks(run_id) if f"{one.task_id}.{one.map_index}" == name)
    return [line for line in client.log(run_id, task) if line.startswith(beginning)]


def steps_of(two: Any, worker: str) -> list[int]:
    """Return the live processes of a worker, and of the steps that it runs."""
    return [pid for pid in two.processes() if variable(pid, "FEATHERLINE_WORKER") == worker]


def kill(two: Any, worker: str) -> None:
    """Kill a worker and all that it started, as when its machine goes. Airflow gives each task a process group."""
    victim = next(one for one in record.running(two.places).servers if one.name == worker)
    processes.send([pid for pid in two.processes() if session(pid) == victim.pid], signal.SIGKILL)
    two.wait(lambda: not (victim.is_alive() or steps_of(two, worker)), 10)


def session(pid: int) -> int:
    """Return the session of a process; 0 where it is gone."""
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return 0


def variable(pid: int, name: str) -> str:
    """Return a variable of a process; empty where it has none, or is gone."""
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return ""
    return next((one for one in environment if one.startswith(f"{name}=".encode())), b"").decode().partition("=")[2]


def outcome(summary: dict[str, Any]) -> Any:
    """Return what must not depend on where the steps ran, and how often."""
    other = {"latency_ms_p50", "gzip_bytes", "reason"}
    candidates = [{name: value for name, value in one.items() if name not in other} for one in summary["candidates"]]
    return summary["baseline"], candidates, summary["selected"]


def test_two_workers_share_the_lanes_and_the_search(two: Any, undisturbed: dict[str, Any]):
    """Both ran lanes; the search's two, on whichever worker the queue put each, saw the same study to its end."""
    ran = hosts(two, undisturbed["run_id"])

    assert undisturbed["state"] == "success"
    assert len([one for one in undisturbed["candidates"] if one["size_bytes"]]) == 3
    assert {worker for task, worker in ran.items() if task.startswith("lanes.")} == {"worker1", "worker2"}
    searched = [told(two, undisturbed["run_id"], f"search.{number}", "search: ") for number in (0, 1)]
    begun = [line for lines in searched for line in lines if line.startswith("search: worker ")]
    assert [line.split(",")[0] for line in begun] == ["search: worker 0 of 2", "search: worker 1 of 2"]
    assert len({line.split("(")[1] for line in begun}) == 1, begun
    found = [lines[lines.index(line) + 1 :] for lines, line in zip(searched, begun, strict=True)]
    assert found[0] == found[1] != []


def test_a_killed_worker_changes_nothing(two: Any, undisturbed: dict[str, Any]):
    """Its step is lost, found lost, and done by the other one; winner and measurements are those of the quiet run."""
    client = two.airflow()
    program = two.start("run", "digits", *THREE_LANES, "--ignore-cache")
    try:
        two.wait(lambda: any("lanes." in task and host == "worker2" for task, host in now(two).items()), 600)
        two.wait(lambda: [pid for pid in two.processes("-m featherline.tasks") if pid in steps_of(two, "worker2")], 60)
        (run,) = client.runs(1)
        doomed = {task for task, host in now(two).items() if host == "worker2"}

        kill(two, "worker2")

        told, _ = program.communicate(timeout=1200)
        assert program.returncode == 0, told
    finally:
        processes.send([program.pid], signal.SIGKILL)
    summary = two.summary(two.places.run(run["dag_run_id"]))
    tries = {f"{task.task_id}.{task.map_index}": task.tries for task in client.tasks(run["dag_run_id"])}
    assert doomed
    assert {task: tries[task] for task in doomed} == dict.fromkeys(doomed, 2)
    assert {hosts(two, run["dag_run_id"])[task] for task in doomed} == {"worker1"}
    assert summary["hits"] <= 3  # publish, register and promote find their work done
    assert outcome(summary) == outcome(undisturbed)


def now(two: Any) -> dict[str, str]:
    """Return which worker runs which task of the latest run."""
    (run,) = two.airflow().runs(1)
    place = f"/api/v2/dags/retrain_and_compress/dagRuns/{run['dag_run_id']}/taskInstances"
    found = two.airflow()._pages(place, "task_instances")
    return {f"{one['task_id']}.{one['map_index']}": one["hostname"] for one in found if one["state"] == "running"}


def test_up_brings_a_dead_worker_back(two: Any):
    """The stack itself goes on with the other one; another number of workers is another stack."""
    if not record.running(two.places).lost_workers():
        kill(two, "worker2")
    assert record.running(two.places).lost_workers() == ["worker2"]

    assert "the stack is up already" in two.call("up")
    assert record.running(two.places).lost_workers() == []
    assert "expected  3 workers" in two.call("up", "--workers", "3", code=65)


def test_no_password_is_on_a_command_line(two: Any):
    """All users of the machine can read those."""
    words = [password_in(two.places.secrets, server) for server in ("postgres", "redis")]
    lines = [Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace") for pid in two.processes()]

    assert len(lines) > 10
    assert [line for line in lines if any(word in line for word in words)] == []


def said(port: int, words: bytes) -> bytes:
    """Return what a server answers to a stranger's first words."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(words)
        return connection.recv(4096)


@needs_root
def test_a_stranger_gets_nothing_from_the_records(two: Any):
    """Redis does nothing without its password; PostgreSQL asks each user for theirs, whatever the data base."""
    many = record.running(two.places).many
    startups = {}
    for user, database in (("postgres", "postgres"), ("nobody", "postgres"), ("postgres", "template1")):
        words = struct.pack(">I", 196608) + f"user\0{user}\0database\0{database}\0\0".encode()
        startups[f"{user} {database}"] = struct.pack(">I", len(words) + 4) + words

    def attack() -> list[bytes]:
        commands = ("PING", "KEYS *", "CONFIG GET requirepass", "LPUSH default x", "SHUTDOWN NOSAVE", "AUTH x")
        return [
            *(said(many.redis, f"{command}\r\n".encode()) for command in commands),
            *(said(many.postgres, words)[:9] for words in startups.values()),
        ]

    *of_redis, of_auth, one, other, another = as_nobody(attack)

    assert all(answer.startswith(b"-NOAUTH") for answer in of_redis)
    assert of_auth.startswith(b"-WRONGPASS")
    sasl = 10
    assert all(answer[:1] == b"R" and struct.unpack(">I", answer[5:9])[0] == sasl for answer in (one, other, another))
    rules = (two.places.var / "postgres" / "data" / "pg_hba.conf").read_text().splitlines()
    assert {rule.split()[-1] for rule in rules if rule.strip() and not rule.startswith("#")} == {"scram-sha-256"}


def test_nothing_under_var_can_be_read_by_others(two: Any):
    """But for the way through to PostgreSQL's folder, which its own user's group has where root starts the stack."""
    var = two.places.var
    passes = {f"0o40710 {var}"} if many_workers.postgres_user() else set()

    assert {found for found in open_to_others(var) if not found.endswith(".vif")} == passes
