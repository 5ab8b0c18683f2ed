"""An Airflow of the tests' own, and the pipeline as its DAG processor reads it."""

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


@pytest.fixture(scope="session")
def pipeline() -> Any:
    """Give the DAG `retrain_and_compress`, read from the folder of DAGs without an error."""
    from airflow.dag_processing.dagbag import DagBag  # noqa: PLC0415 - after Airflow's home is set

    bag = DagBag(str(ROOT / "dags"))
    assert bag.import_errors == {}
    return bag.dags["retrain_and_compress"]
