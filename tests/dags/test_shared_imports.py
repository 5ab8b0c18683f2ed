"""What the scheduler imports before it forks, so that no task imports it for itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import json, runpy, sys
from importlib import import_module
from featherline.stack.airflow_part import SCHEDULER, TASKS
for module in [*SCHEDULER, "airflow.__main__", *TASKS]:
    import_module(module)
before = set(sys.modules)
runpy.run_path(sys.argv[1])
print(json.dumps([sorted(before), sorted(set(sys.modules) - before)]))
"""


def test_a_task_imports_nothing_of_airflow_to_read_the_pipeline(tmp_path: Path):
    """Of what it does import nothing is shared: a change of Featherline reaches the next task of a stack that runs."""
    environment = os.environ | {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "PYTHONPATH": str(ROOT),
    }
    pipeline = str(ROOT / "dags" / "retrain_and_compress.py")

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, pipeline],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    before, imported = json.loads(done.stdout.splitlines()[-1])
    shared = [name for name in before if name.startswith("featherline.")]
    assert [name for name in shared if not name.startswith("featherline.stack")] == []
    assert [name for name in imported if name.startswith("airflow.")] == []
    assert "featherline.airflow.operators.process_step" in imported
