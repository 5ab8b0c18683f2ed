"""Commands that would fight take turns: real processes over real folders."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from featherline.places import ROOT, Places
from featherline.stack import turns
from featherline.tasks.contracts.refusal import Refused

HOLD = """
import sys
from pathlib import Path
from featherline.places import Places
from featherline.stack import turns
kind, folder = sys.argv[1:3]
holds = {
    "alone": lambda: turns.alone(Places(var=Path(folder)), print),
    "only": lambda: turns.the_only(Path(folder), "demo", "name another"),
    "using": lambda: turns.using(Path(folder)),
}[kind]
with holds():
    print("held", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def held(kind: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Give another process that holds a lock until it is told to let go."""
    command = [sys.executable, "-c", HOLD, kind, str(folder)]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        try:
            yield other
        finally:
            if other.poll() is None:
                assert other.stdin is not None
                other.stdin.write("\n")
                other.stdin.close()


def test_the_second_says_whom_it_waits_for(tmp_path: Path):
    """And goes on when the first has ended."""
    told: list[str] = []

    with held("alone", tmp_path) as other:
        assert other.stdin is not None

        def say(line: str) -> None:
            told.append(line)
            other.kill()  # also a killed one lets go

        with turns.alone(Places(var=tmp_path), say):
            pass

    assert len(told) == 1
    assert told[0].startswith("waiting for ")
    assert f"(process {other.pid}, since {time.strftime('%H:')}" in told[0]


def test_who_comes_first_waits_for_nobody(tmp_path: Path):
    """Nor does who comes after one that has ended."""
    for _ in range(2):
        with turns.alone(Places(var=tmp_path), pytest.fail):
            pass


def test_a_second_one_is_refused_with_the_first_one_s_name(tmp_path: Path):
    """In four parts; after the first one's end it may."""
    with held("only", tmp_path) as other:
        with pytest.raises(Refused) as refused, turns.the_only(tmp_path, "demo", "name another"):
            pass
        (problem,) = refused.value.problems

    assert problem.what == "another demo is under way"
    assert f"process {other.pid}" in problem.got
    assert problem.fix == "wait until it has ended, or name another"
    with turns.the_only(tmp_path, "demo", "name another"):
        pass


def test_those_who_use_a_folder_are_known(tmp_path: Path):
    """Several may at once; nobody is left when they have ended."""
    with held("using", tmp_path) as first, held("using", tmp_path) as second, turns.unused(tmp_path) as users:
        pass

    assert f"process {first.pid}" in users
    assert f"process {second.pid}" in users
    with turns.unused(tmp_path) as users:
        assert users == ""


def test_who_wants_to_use_a_folder_waits_for_who_ends_it(tmp_path: Path):
    """A run that begins while a demo ends its stack finds it gone, and not half gone."""
    command = [sys.executable, "-c", HOLD, "using", str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with turns.unused(tmp_path) as users:
        assert users == ""
        other = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment
        )
        with pytest.raises(subprocess.TimeoutExpired):
            other.communicate("\n", timeout=1.5)

    told, _ = other.communicate(timeout=30)
    assert told == "held\n"
