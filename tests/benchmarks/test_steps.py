"""The benchmarks' runner of steps."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
RUNNER = """
import sys
from benchmarks.steps import run_module
run_module("http.server", "--bind", "127.0.0.1", "0")
"""
PATIENCE_S = 30.0


def test_what_it_started_ends_with_it() -> None:
    """A runner that is killed leaves no step behind, which would go on training beside the one that takes its place."""
    with subprocess.Popen([sys.executable, "-c", RUNNER], cwd=ROOT, stdout=subprocess.DEVNULL) as runner:
        child = _awaited(runner.pid)

        runner.kill()

    assert _is_gone(child)


def _awaited(parent: int) -> int:
    """Return the child of a process, once it serves: then it has asked to die with its parent."""
    children = Path(f"/proc/{parent}/task/{parent}/children")
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        found = children.read_text().split()
        if found and _listens(int(found[0])):
            return int(found[0])
        time.sleep(0.1)
    raise TimeoutError("no child that serves")


def _listens(pid: int) -> bool:
    """Return whether a process holds a socket."""
    folder = Path(f"/proc/{pid}/fd")
    return any(str(file.readlink()).startswith("socket:") for file in folder.iterdir() if file.is_symlink())


def _is_gone(pid: int) -> bool:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        if not Path(f"/proc/{pid}").exists() or " Z " in Path(f"/proc/{pid}/stat").read_text():
            return True
        time.sleep(0.1)
    return False
