"""What it costs that a search does not depend on its workers: the time in which a worker waits for results of others.

    search of the recipe digits, longer ──► two workers, each a process, in a fresh store ──► waited over worked

A worker waits for results where every proposal is taken, and the next one needs a result that is under way
(`search.in_flight`): that is what determinism costs. At the end it waits for the others' last trials, as in any search
on several workers; that is told apart. Other work on the machine stretches trials and waits alike, so ratios are told.

    .venvs/tasks/bin/python -m benchmarks.search_idle [REPEATS]
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from featherline.tasks.contracts.references import TrialsRef
from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.contracts.request import Provenance, StepRequest, StepResult, Variable
from featherline.tasks.contracts.trials import Trials
from featherline.tasks.measuring.machine import machine
from featherline.tasks.running.context import Context
from featherline.tasks.running.execute import execute
from featherline.tasks.store.artifacts import open_store

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "search_idle.json"
WORKERS, TRIALS = 2, 16
WAITED = re.compile(r"waited ([0-9.]+) s for results of others, ([0-9.]+) s for the last ones")


def main() -> None:
    """Search as often as asked, and write what was waited."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    found = [searched() for _ in range(repeats)]
    for one in found:
        print(one)
    told = {
        "machine": machine(),
        "load_average": os.getloadavg(),
        "workers": WORKERS,
        "trials": TRIALS,
        "searches": found,
    }
    RESULTS.write_text(json.dumps(told, indent=2) + "\n")


def searched() -> dict[str, float]:
    """Search once in a fresh store, and return the share of the workers' time that was waited."""
    with tempfile.TemporaryDirectory(prefix="featherline-idle-") as folder:
        place = Path(folder)
        store = open_store(str(place / "store"))
        asked = {
            "recipe": "digits",
            "overrides": {"search.trials": TRIALS, "search.workers": WORKERS, "release.sign": False},
        }
        params = execute("resolve", StepRequest(params=asked), Context(store), time.monotonic()).outputs["params"]
        given = StepRequest(params=params["preprocess"])
        data = execute("preprocess", given, Context(store), time.monotonic()).outputs["data"]
        workers = [_begin(place, worker, data, params["search"]) for worker in range(WORKERS)]
        logs = [_log(process) for process in workers]
        answer = StepResult.model_validate_json((place / "0.json").read_bytes())
        trials = store.read(TrialsRef.model_validate(answer.outputs["trials"]), Trials).trials
    worked = sum(trial.seconds for trial in trials)
    waits = [[float(seconds) for seconds in WAITED.findall(log)[0]] for log in logs]
    waited, left = (sum(column) for column in zip(*waits, strict=True))
    whole = worked + waited + left
    return {
        "waited": round(waited / whole, 4),
        "waited_for_the_last": round(left / whole, 4),
        "worked_s": round(worked, 1),
    }


def _begin(place: Path, worker: int, data: Any, params: Any) -> subprocess.Popen[str]:
    request = StepRequest(inputs={"data": data, "worker": worker}, params=params, provenance=Provenance(run_id="idle"))
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        Variable.STORE: str(place / "store"),
        Variable.STUDIES: str(place / "studies"),
        Variable.REQUEST: request.to_json().decode(),
        Variable.RESULT: str(place / f"{worker}.json"),
    }
    command = [sys.executable, "-m", "featherline.tasks", "search"]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)


def _log(process: subprocess.Popen[str]) -> str:
    log = process.communicate()[0]
    if process.returncode:
        raise refuse("a worker failed", expected="exit code 0", got=log[-2000:], fix="read its log")
    return log


if __name__ == "__main__":
    main()
