"""Ends that nobody planned: a step killed from the UI, the whole stack killed in the middle of a run."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest

from featherline.stack import processes, record, turns
from featherline.stack.kept_ports import kept_ports

pytestmark = pytest.mark.stack

SHORT = [
    "--seed=11",
    "--set=train.epochs=4",
    "--set=train.checks.min_quality=0.5",
    "--set=search.trials=0",
    "--set=candidates.float16-sparse24=null",
    "--set=candidates.pruned-qat=null",
    "--set=candidates.sparse-clustered=null",
    "--set=candidates.searched-int8=null",
    "--set=gate.min_quality=0.5",
    "--set=release.name=digits-short",
]
"""One candidate, four epochs: the whole line in less than a minute."""


def test_a_step_ended_from_the_ui_leaves_nothing(up: Any):
    """Within ten seconds neither its process nor a child of it is left, nor a file of it, nor a result."""
    program = up.start("run", "digits", "--seed=12", "--set=train.epochs=5000")
    try:
        (step, *_) = up.wait(lambda: up.processes("-m featherline.tasks train"), 180)
        folder = Path(_variable(step, "TMPDIR"))
        store = up.enter()
        results = list(store.blobs.keys("results/train/"))
        (run,) = up.airflow().runs(1)

        up.airflow().fail_task(run["dag_run_id"], "train")

        up.wait(lambda: not [pid for pid in up.processes() if _session(pid) == step], 10)  # it leads one of its own
        up.wait(lambda: not folder.exists(), 10)
        assert list(store.blobs.keys("results/train/")) == results
        told, _ = program.communicate(timeout=120)
        assert program.returncode == 1
        assert "train failed" in told
        assert f"task_id=train{os.sep}attempt=1.log" in told
    finally:
        processes.send([program.pid], signal.SIGKILL)


def test_a_killed_stack_goes_on_where_it_was(up: Any):
    """Every process dies at once; `up` has the run go on, and the same order finds what was finished as hits.

    The same again without the cache, while its scheduler dies: the command that follows it says so, and what to do;
    `up` brings the scheduler alone back, and the run ends as the other.
    """
    program = up.start("run", "digits", *SHORT)
    up.wait(lambda: up.processes("-m featherline.tasks export"), 240)
    (cut_short,) = up.airflow().runs(1)

    processes.send([*up.processes(), program.pid], signal.SIGKILL)
    up.wait(lambda: not up.processes(), 10)
    program.wait(10)
    assert record.recorded(up.places) is not None  # the crash left its file, which says what ran

    told = up.call("up")
    resumed = up.run("digits", *SHORT)
    anew, again = run_whose_scheduler_dies(up)

    assert "the stack is up\n" in told
    assert up.airflow().run(cut_short["dag_run_id"])["state"] == "success"  # Airflow has taken it up again
    assert resumed["state"] == "success"
    assert resumed["hits"] >= 5  # at least preprocess, validate_data, train, validate_model, choose
    # The same model again: resolve finds the world as it was, publish, register and promote their work done.
    assert anew["hits"] <= 4 + again
    assert outcome(resumed) == outcome(anew)


def run_whose_scheduler_dies(up: Any) -> tuple[dict[str, Any], int]:
    """Return the summary of a run without the cache whose scheduler is killed while it trains.

    And how many of its tasks began again: one that was done when its record was lost finds that.
    """
    program = up.start("run", "digits", *SHORT, "--ignore-cache")
    told: list[str] = []
    threading.Thread(target=lambda: told.extend(iter(program.stdout.readline, "")), daemon=True).start()
    try:
        up.wait(lambda: up.processes("-m featherline.tasks train"), 240)
        (run,) = up.airflow().runs(1)
        os.kill(server_of(record.running(up.places), "scheduler").pid, signal.SIGKILL)
        up.wait(lambda: any("scheduler is dead" in line and "fix: featherline up" in line for line in told), 90)
        assert "scheduler is dead" in up.call("up")
        assert program.wait(600) == 0, "".join(told)
    finally:
        processes.send([program.pid], signal.SIGKILL)
    assert {task.tries for task in up.airflow().tasks(run["dag_run_id"]) if task.task_id == "train"} <= {1, 2}
    found: dict[str, Any] = up.summary(up.places.run(run["dag_run_id"]))
    return found, sum(task.tries > 1 for task in up.airflow().tasks(run["dag_run_id"]))


def outcome(summary: dict[str, Any]) -> Any:
    """Return what must not depend on how often a run was interrupted: all but times, and the run's id in the file."""
    other = {"latency_ms_p50", "gzip_bytes", "reason"}
    candidates = [{name: value for name, value in one.items() if name not in other} for one in summary["candidates"]]
    return summary["baseline"], candidates, summary["selected"]


def test_dead_and_frozen_servers_are_told_and_brought_back(up: Any):
    """`status` names each and what it means; `up` brings back those alone, at their ports; then all is well.

    A second `up` meanwhile says whom it waits for, and finds nothing to do.
    """
    before = record.running(up.places)
    killed, frozen = ("mlflow", "api-server", "scheduler"), ("s3", "dag-processor")
    for name in killed:
        os.kill(server_of(before, name).pid, signal.SIGKILL)
    for name in frozen:
        os.kill(server_of(before, name).pid, signal.SIGSTOP)

    told = up.call("status", code=1)
    refused = up.call("run", "digits", code=65)
    first = up.start("up")
    up.wait(lambda: turns_of(up), 30)
    second = up.call("up")
    mended, _ = first.communicate(timeout=300)

    assert first.returncode == 0, mended
    assert f"(process {first.pid}, since" in second
    assert second.count("waiting for") == 1
    assert "is dead" not in second
    assert all(f"{name} is dead: its process {server_of(before, name).pid} has ended" in told for name in killed)
    assert all(f"{name} is stopped" in told for name in frozen)
    assert "so no task is started" in told
    assert "featherline up" in told
    assert all(name in refused for name in (*killed, *frozen))
    assert "ending what an earlier one has left behind" not in mended
    after = record.running(up.places)
    unharmed = (*frozen, "triggerer")
    assert {name: server_of(after, name) for name in unharmed} == {name: server_of(before, name) for name in unharmed}
    assert (after.airflow_url, after.mlflow_url, after.s3_port) == (
        before.airflow_url,
        before.mlflow_url,
        before.s3_port,
    )
    assert "dead" not in up.call("status")
    assert "the stack is up already" in up.call("up")


def turns_of(up: Any) -> str:
    """Return who changes the stack now."""
    with turns.unused(up.places.var) as holder:
        found: str = holder
    return found


def server_of(stack: record.Stack, name: str) -> processes.Process:
    """Return a server of a stack."""
    return next(one for one in stack.servers if one.name == name)


def test_down_leaves_no_process_and_no_lock(up: Any):
    """Also where the scheduler was killed and its workers live on, and where a part is frozen; its ports are kept."""
    before = record.running(up.places)
    leader = server_of(before, "scheduler")
    os.kill(leader.pid, signal.SIGKILL)
    os.kill(server_of(before, "triggerer").pid, signal.SIGSTOP)
    up.wait(lambda: not leader.is_alive(), 5)
    orphans = up.processes("LocalExecutor")

    up.call("down")

    assert orphans
    assert up.processes() == []
    assert not up.places.state.exists()
    assert [path.name for path in up.places.var.iterdir() if "lock" in path.name or path.suffix == ".pid"] == []
    assert "the stack was not up" in up.call("down")
    kept = kept_ports(up.places)
    assert kept is not None
    assert (kept.airflow, kept.mlflow, kept.s3) == (before.airflow_port, before.mlflow_port, before.s3_port)


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return 0


def _variable(pid: int, name: str) -> str:
    environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    found = next((one for one in environment if one.startswith(f"{name}=".encode())), b"")
    return found.decode().partition("=")[2] or tempfile.gettempdir()
