"""The embedded stack's steps as containers: a real engine, or the refusal where there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from featherline.places import Places
from featherline.stack import containers, processes, record
from featherline.stack import stack as stacks
from featherline.tasks.contracts.refusal import Refused


def docker(*words: str) -> str:
    """Return what docker says, or skip the test where no engine answers."""
    if shutil.which("docker") is None:
        pytest.skip("there is no docker")
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    if "daemon" in done.stderr:
        pytest.skip(f"no Docker engine answers: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_without_an_engine_nothing_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The refusal comes before any server, and names what to do."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")

    places = Places(var=tmp_path / "var")
    with pytest.raises(Refused) as refused:
        stacks.up(places, print, runtime="docker")

    (problem,) = refused.value.problems
    assert problem.what == "the steps cannot run as containers"
    assert "make images" in problem.fix
    assert record.recorded(places) is None
    assert stacks.leftovers(places) == []
    assert [path.name for path in places.var.rglob("*.log")] == []


def test_a_stack_of_another_runtime_is_not_taken_for_the_one_that_was_asked(tmp_path: Path):
    """Who asks for containers never gets child processes without a word."""
    places = Places(var=tmp_path)
    me = processes.identify("s3", os.getpid())
    servers = tuple(me.model_copy(update={"name": name}) for name in record.SERVERS)
    stack = record.Stack(servers=servers, s3_port=1, mlflow_port=2, airflow_port=3)
    places.state.write_bytes(stack.to_json())

    with pytest.raises(Refused, match="expected  steps as docker"):
        stacks.up(places, print, runtime="docker")


def test_two_stacks_share_no_volume(tmp_path: Path):
    """The cache and the studies of a stack are its own."""
    assert containers.volume(Places(var=tmp_path / "a")) != containers.volume(Places(var=tmp_path / "b"))


def test_what_a_crash_has_left_goes_and_nothing_else(tmp_path: Path):
    """Containers of the stack, with their files; not those of another one."""
    ours, other = Places(var=tmp_path / "a"), Places(var=tmp_path / "b")
    images = docker("images", "--quiet", "featherline-base:bookworm").split()
    if not images:
        pytest.skip("the engine has no featherline-base:bookworm (make base-image)")
    made = [
        docker("create", "--label", f"featherline.volume={containers.volume(places)}", "-v", "/x", images[0], "true")
        for places in (ours, other)
    ]

    containers.remove(ours)

    left = docker("ps", "--all", "--quiet", "--no-trunc").split()
    containers.remove(other)
    assert [one.strip() in left for one in made] == [False, True]
    containers.remove(ours)  # nothing is left to remove, and that is no failure
