"""An Airflow of the tests' own, and steps that are one small script each."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]

if "airflow" not in sys.modules:
    for name in [name for name in os.environ if name.startswith("AIRFLOW")]:
        del os.environ[name]
    os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="featherline-airflow-")
    atexit.register(shutil.rmtree, os.environ["AIRFLOW_HOME"], ignore_errors=True)

Operator = Any


class Pushed(dict[str, Any]):
    """A task instance that keeps what is pushed to it."""

    def xcom_push(self, *, key: str, value: object) -> None:
        """Keep one XCom."""
        self[key] = value


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder that the deployment says is its home, with the tests' own interpreter."""
    folder = tmp_path / "home"
    (folder / "tasks").mkdir(parents=True)
    (folder / "tasks" / "__init__.py").touch()
    monkeypatch.setenv("AIRFLOW__FEATHERLINE__HOME", str(folder))
    monkeypatch.setenv("AIRFLOW__FEATHERLINE__PYTHON", sys.executable)
    return folder


ANSWER = """
import json, os, pathlib, sys

def answer(outputs, **changes):
    result = dict(step=sys.argv[1], run_id="run", status="ran", key="0" * 64, seconds=0.5, outputs=outputs) | changes
    pathlib.Path(os.environ["FEATHERLINE_RESULT"]).write_text(json.dumps(result))

request = json.loads(os.environ.get("FEATHERLINE_REQUEST", "{}"))
"""


@pytest.fixture
def operator(home: Path) -> Iterator[Callable[..., Operator]]:
    """Give a maker of operators whose step is the script that it is given; ends what a test has left running."""
    from plugins.operators.process_step import ProcessStepOperator  # noqa: PLC0415 - after Airflow's home is set

    made = []

    def make(script: str, **options: Any) -> Operator:
        (home / "tasks" / "__main__.py").write_text(ANSWER + textwrap.dedent(script))
        request = options.pop("request", {"inputs": {}})
        made.append(ProcessStepOperator(task_id="prune", step="prune", request=request, **options))
        return made[-1]

    yield make
    for one in made:
        one.on_kill()


@pytest.fixture
def context() -> dict[str, Any]:
    """Give what Airflow would tell an operator: a task instance that keeps its XComs."""
    return {"ti": Pushed()}
