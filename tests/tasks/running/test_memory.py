"""Want of memory that Python itself notices ends a step, and its children, as the kernel's kill does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from featherline.tasks.contracts.request import Variable
from featherline.tasks.running.child import Child

GREEDY = "import numpy as np\n\ndef network(*arguments, **options):\n    return np.zeros(2**60, np.uint8)\n"


def test_a_child_that_runs_out_of_memory_ends_as_if_killed(tmp_path: Path) -> None:
    """Exit code 137, with its traceback in the log; any other exception stays what it was."""
    (tmp_path / "greedy_module.py").write_text(f"{GREEDY}\nnetwork()\n")
    (tmp_path / "broken_module.py").write_text("raise ValueError('no')\n")
    there = {"PYTHONPATH": os.pathsep.join((str(Path.cwd()), str(tmp_path)))}

    with Child("greedy_module", log=tmp_path / "greedy.log", variables=there) as child:
        greedy = child.wait(60)
    with Child("broken_module", log=tmp_path / "broken.log", variables=there) as child:
        broken = child.wait(60)

    assert (greedy.code, greedy.died_of) == (137, None)
    assert "ArrayMemoryError" in greedy.said
    assert broken.code == 1


def test_a_step_that_runs_out_of_memory_ends_as_if_killed(tmp_path: Path) -> None:
    """A builder that asks for too much: exit code 137, the four parts, no traceback."""
    (tmp_path / "greedy_builder.py").write_text(GREEDY)
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join((str(Path.cwd()), str(tmp_path))),
        Variable.STORE: str(tmp_path / "store"),
    }

    def step(name: str, request: object) -> subprocess.CompletedProcess[str]:
        told = environment | {Variable.REQUEST: json.dumps(request), Variable.RESULT: str(tmp_path / "result.json")}
        return subprocess.run(
            [sys.executable, "-m", "featherline.tasks", name], env=told, capture_output=True, text=True, check=False
        )

    prepared = step("preprocess", {"params": {"name": "digits", "source": "digits"}})
    assert prepared.returncode == 0, prepared.stdout
    data = json.loads((tmp_path / "result.json").read_text())["outputs"]["data"]
    ran = step("train", {"inputs": {"data": data}, "params": {"architecture": {"builder": "greedy_builder:network"}}})

    assert ran.returncode == 137, ran.stdout + ran.stderr
    assert "out of memory\ntrain ran out of memory\n" in ran.stdout
    assert "Unable to allocate" in ran.stdout
    assert "Traceback" not in ran.stdout + ran.stderr
