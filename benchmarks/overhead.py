"""What the pipeline costs over its steps' own work.

    a stack of its own ──► recipe digits, every step anew ──► from the cache, skipped and not ──► results/overhead.json

step_overhead_s   of a task: Airflow's own time for it, less what the step measured inside (median over tasks that ran)
cache_hit_s       a hit, from the start of the interpreter to its end, against the S3 store (median)
dag_parse_s       importing the DAG file, in an interpreter that has airflow.sdk already (median)
wall_over_work    the run's wall time over the sum of its steps' own work; below 1 when steps ran side by side
unchanged_s       wall time of a run in which nothing changed, and that is skipped after `resolve` (median)
hits_s            of the same run, told to run all the same, so that every step is a hit (median, measured in turn)
begin_cpu_s       the processor's time that a step takes to begin which needs TensorFlow: `train`, imported as the
                  shell imports it (median)

    make overhead        (about 12 minutes on two cores; a stack that is up is not touched)
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from featherline import runs
from featherline.places import ROOT, Places
from featherline.stack import stack as stacks
from featherline.stack.record import Stack
from featherline.summary import read_records
from featherline.tasks.contracts.request import Provenance, StepRecord, StepRequest, Variable
from featherline.tasks.measuring.machine import machine
from featherline.tasks.store.artifacts import open_store

RESULTS = ROOT / "benchmarks" / "results" / "overhead.json"
REPEATS = 7
RUNS = 3
"""Of those that are skipped, and of those that are hits."""
BEGIN = """
import gc, os
gc.disable()
import featherline.tasks.running.shell, featherline.tasks.steps.train
os._exit(0)
"""
PARSE = """
import time, airflow.sdk
from airflow.sdk import DAG, Param, TaskGroup, TriggerRule, dag, task_group
started = time.perf_counter()
import runpy
runpy.run_path("dags/retrain_and_compress.py")
print(time.perf_counter() - started)
"""


def main() -> None:
    """Measure, print, and write the results."""
    places = Places(var=ROOT / "var" / "bench")
    console = Console(width=120)
    stack, started = stacks.up(places, console.print)
    try:
        runs.enter(places, stack)
        found: dict[str, Any] = measure(places, stack, console)
    finally:
        if started:
            stacks.down(places)
    found |= {
        "machine": machine(),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "command": "make overhead",
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(found, indent=2) + "\n")
    for name, value in found.items():
        print(f"{name:16} {value}")


def measure(places: Places, stack: Stack, console: Console) -> dict[str, Any]:
    """Return the numbers, in seconds and as a ratio."""
    parse = statistics.median(_parse(places) for _ in range(REPEATS))
    order = runs.Order("digits", {}, ignore_cache=True)
    summary = runs.execute(places, stack, order, console)
    if summary.state != "success":
        sys.exit("the run failed, so there is nothing to measure")
    store = open_store(os.environ[Variable.STORE])
    records = read_records(store, summary.run_id)
    tasks = {
        (task.task_id.rpartition(".")[2], task.label.removeprefix("worker ")): task.duration_s
        for task in runs.client_of(places, stack).tasks(summary.run_id)
    }
    ran = [record for record in records.values() if record.status == "ran"]
    overheads = [
        tasks[place] - record.seconds
        for record in ran
        if (place := (record.step, "" if record.label == "baseline" else record.label)) in tasks
    ]
    return {
        "step_overhead_s": round(statistics.median(overheads), 3),
        "cache_hit_s": round(_hit(places, records), 3),
        "dag_parse_s": round(parse, 3),
        "wall_over_work": round(summary.seconds / sum(record.seconds for record in records.values()), 3),
        "tasks": len(overheads),
        "wall_s": round(summary.seconds, 1),
        "begin_cpu_s": _begin(),
        **_repeated(places, stack, console),
    }


def _repeated(places: Places, stack: Stack, console: Console) -> dict[str, float]:
    """Return how long a run takes in which nothing changed: skipped, and not."""
    order = runs.Order("digits", {})
    for _ in range(2):  # the second has the champion that the first made
        runs.execute(places, stack, order, console)
    skipped, hits = [], []
    for _ in range(RUNS):
        skipped.append(runs.execute(places, stack, order, console))
        hits.append(runs.execute(places, stack, replace(order, unchanged="run"), console))
    if not all(one.unchanged_since for one in skipped) or any(one.misses for one in hits):
        sys.exit("something changed between the runs, so there is nothing to measure")
    named = {"unchanged_s": skipped, "hits_s": hits}
    return {name: round(statistics.median(one.seconds for one in found), 1) for name, found in named.items()}


def _begin() -> float:
    """Return the processor's time that a step takes to begin which needs TensorFlow."""
    seconds = []
    for _ in range(REPEATS):
        before = os.times()
        subprocess.run([sys.executable, "-c", BEGIN], cwd=ROOT, check=True)
        after = os.times()
        seconds.append(after.children_user + after.children_system - before.children_user - before.children_system)
    return round(statistics.median(seconds), 2)


def _parse(places: Places) -> float:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "AIRFLOW_HOME": str(places.airflow_home)}
    program = str(places.program("airflow", "python"))
    answer = subprocess.run(
        [program, "-c", PARSE], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return float(answer.stdout.split()[-1])


def _hit(places: Places, records: Any) -> float:
    """Time hits of `train`, whose code imports TensorFlow when it is no hit."""
    preprocess, judged = (_only(records, step) for step in ("preprocess", "validate_data"))
    params = _only(records, "resolve").outputs["params"]["train"]
    request = StepRequest(
        inputs={"data": judged.outputs["data"]}, params=params, provenance=Provenance(run_id="bench", recipe="digits")
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {Variable.REQUEST: request.to_json().decode(), Variable.RESULT: str(places.var / "hit.json")}
    seconds = []
    for _ in range(REPEATS + 1):
        started = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "featherline.tasks", "train"],
            cwd=ROOT,
            env=environment,
            check=True,
            capture_output=True,
        )
        seconds.append(time.perf_counter() - started)
        answer = json.loads(Path(places.var / "hit.json").read_text())
    if answer["status"] != "hit" or not preprocess.outputs:
        sys.exit(f"expected a hit of train, got {answer['status']}: {answer['reasons']}")
    return statistics.median(seconds[1:])


def _only(records: Any, step: str) -> StepRecord:
    return next(record for record in records.values() if record.step == step)


if __name__ == "__main__":
    main()
