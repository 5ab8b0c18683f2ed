"""The pipeline is one drawing, whatever runs its steps."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from featherline.airflow.operators.factory import OPERATORS

ROOT = Path(__file__).resolve().parents[2]

DEPLOYMENT = {
    "image": f"registry.example/featherline/tasks@sha256:{'a' * 64}",
    "store": "s3://featherline",
    "studies": "redis://redis/0",
}
"""What every runtime of containers needs to be told."""

NO_STEPS = ("ApproveOperator", "EmptyOperator", "OnlyIfOperator")
"""The operators of the tasks that call no step."""

DRAWN = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1])
assert not bag.import_errors, bag.import_errors
tasks = bag.dags["retrain_and_compress"].task_dict
drawing = {
    name: [sorted(task.upstream_task_ids), str(task.trigger_rule), task.is_mapped] for name, task in tasks.items()
}
print(json.dumps([drawing, sorted({task.task_type for task in tasks.values()})]))
"""


def drawn(runtime: str, home: Path) -> tuple[dict[str, object], list[str]]:
    """Return the tasks with their edges and rules, and the operators behind them."""
    options = DEPLOYMENT | {"runtime": runtime, "recipes": str(ROOT / "recipes")}
    environment = {f"AIRFLOW__FEATHERLINE__{name.upper()}": value for name, value in options.items()}
    done = subprocess.run(
        [sys.executable, "-c", DRAWN, str(ROOT / "dags")],
        env=os.environ | environment | {"AIRFLOW_HOME": str(home), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    drawing, operators = json.loads(done.stdout.splitlines()[-1])
    return drawing, operators


@pytest.mark.parametrize("runtime", sorted(set(OPERATORS) - {"process"}))
def test_every_runtime_has_the_same_tasks_and_edges(tmp_path: Path, runtime: str):
    """Only the operator of the steps differs."""
    here, ours = drawn("process", tmp_path)
    there, theirs = drawn(runtime, tmp_path)

    assert there == here
    assert ours == sorted([*NO_STEPS, "ProcessStepOperator"])
    assert theirs == sorted([*NO_STEPS, OPERATORS[runtime].rpartition(".")[2]])
