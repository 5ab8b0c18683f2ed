"""Featherline's own steps, each a process as in a real run, on a folder store that keeps what is done.

Several benchmarks, and several processes of one, may use one folder at the same time.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from featherline.tasks.contracts.model import Model, TrainingHistory
from featherline.tasks.contracts.request import Provenance, StepRequest, StepResult, Variable
from featherline.tasks.running.child import PARENT, PROGRAM
from featherline.tasks.store.artifacts import Store, open_store

ROOT = Path(__file__).parents[1]


class Steps:
    """Calls steps one after the other and knows what their work took, also where it was done by an earlier call."""

    def __init__(self, folder: Path, seed: int, *, threads: int | None = None) -> None:
        """Keep the store, and the seconds of each piece of work, in `folder`.

        Args:
            folder: Made where it is absent.
            seed: Of every step.
            threads: That a step computes with, as in a run; as many as the machine has cores where None.
        """
        self.folder, self.seed, self.threads = folder, seed, threads
        self.peak_rss_bytes = 0
        """Of the largest process of the last call: the step's own, or one that it started and waited for."""
        folder.mkdir(parents=True, exist_ok=True)
        self.store: Store = open_store(str(folder / "store"))

    def call(
        self, step: str, inputs: dict[str, Any], params: dict[str, Any], label: str, *, run: str | None = None
    ) -> tuple[dict[str, Any], float]:
        """Run a step, its progress on this terminal. Returns its outputs and the seconds of its work.

        Args:
            step: Its name.
            inputs: What it takes.
            params: Its parameters.
            label: Which of several.
            run: Does the work anew in each run of another name; absent, what was done once is not done again.
        """
        request = StepRequest(
            inputs=inputs,
            params=params,
            label=label,
            seed=self.seed,
            ignore_cache=run is not None,
            provenance=Provenance(run_id=run) if run else Provenance(),
        )
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        if self.threads:
            environment |= dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"), str(self.threads))
        with tempfile.TemporaryDirectory(prefix="featherline-") as answers:
            answer = Path(answers, "result.json")
            environment |= {
                Variable.STORE: str(self.folder / "store"),
                Variable.REQUEST: request.to_json().decode(),
                Variable.RESULT: str(answer),
            }
            self.peak_rss_bytes = run_module("featherline.tasks", step, environment=environment)
            result = StepResult.model_validate_json(answer.read_bytes())
        return result.outputs, self._seconds(result)

    def _seconds(self, result: StepResult) -> float:
        """Return what the work took when it was done: of a training that was killed and went on, all its epochs."""
        kept = self.folder / "seconds" / f"{result.step}-{result.key}.json"
        if result.status == "ran":
            kept.parent.mkdir(exist_ok=True)
            kept.write_text(json.dumps(max(result.seconds, self._epochs(result.outputs))))
        return float(json.loads(kept.read_text())) if kept.exists() else 0.0

    def _epochs(self, outputs: dict[str, Any]) -> float:
        model = outputs.get("model", {})
        if "histories" not in model or not model["histories"]:
            return 0.0
        last = Model.model_validate(model).histories[-1]
        return sum(self.store.read(last, TrainingHistory).seconds)


def run_module(module: str, *arguments: str | Path, environment: Mapping[str, str] | None = None) -> int:
    """Run a module to its end, which is this process's end, too. Returns the peak of its largest process, in bytes.

    Raises:
        CalledProcessError: It failed.
    """
    command = [*PROGRAM, module, *map(str, arguments)]
    process = subprocess.Popen(command, cwd=ROOT, env={**(environment or os.environ), PARENT: str(os.getpid())})
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return used.ru_maxrss * 1024
