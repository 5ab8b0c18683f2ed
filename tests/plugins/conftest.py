"""An Airflow of the tests' own, and a home for steps."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]

if "airflow" not in sys.modules:
    for name in [name for name in os.environ if name.startswith("AIRFLOW")]:
        del os.environ[name]
    os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="featherline-airflow-")
    atexit.register(shutil.rmtree, os.environ["AIRFLOW_HOME"], ignore_errors=True)


class Pushed(dict[str, Any]):
    """A task instance that keeps what is pushed to it."""

    dag_id, run_id, task_id, map_index, try_number = "flow", "manual__1", "prune", -1, 1

    def xcom_push(self, *, key: str, value: object) -> None:
        """Keep one XCom."""
        self[key] = value


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder that the deployment says is its home, with the tests' own interpreter."""
    folder = tmp_path / "home"
    (folder / "featherline" / "tasks").mkdir(parents=True)
    (folder / "featherline" / "__init__.py").touch()
    (folder / "featherline" / "tasks" / "__init__.py").touch()
    monkeypatch.setenv("AIRFLOW__FEATHERLINE__HOME", str(folder))
    monkeypatch.setenv("AIRFLOW__FEATHERLINE__PYTHON", sys.executable)
    return folder


@pytest.fixture
def context() -> dict[str, Any]:
    """Give what Airflow would tell an operator: a task instance that keeps its XComs."""
    return {"ti": Pushed()}
