"""A whole run of the steps without Airflow: what the DAG draws but `dry_run`, one after the other, in this process.

The workers of the search are processes, as they are in a real run: they share a study, and who is faster takes more.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from featherline.summary import read_records, summarise
from featherline.tasks.contracts.candidate import LANE
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.request import Provenance, StepRecord, StepRequest, StepResult, Variable
from featherline.tasks.running import run_records
from featherline.tasks.running.context import Context
from featherline.tasks.running.execute import execute
from featherline.tasks.store.artifacts import open_store

ROOT = Path(__file__).parents[2]
RECIPE = """
name: small
data: {source: digits, calibration_count: 50}
model: {builder: cnn, options: {widths: [16, 16], dense: 0}}
train: {epochs: 8, batch_size: 64, optimizer: adam, learning_rate: 0.01, checks: {min_quality: 0.2}}
search:
  space: {builder: ds_cnn, choices: {stem: [8, 16], width: [8, 16], blocks: [1, 2]}}
  trials: 5
  workers: 2
  in_flight: 2
  sampler: nsga2
  population: 2
  epochs: 2
  fit: &short {batch_size: 64, optimizer: adam, learning_rate: 0.01}
  keep: 1
candidates:
  searched-int8:
    student: searched
    distill: {method: logits, fit: {<<: *short, epochs: 12}}
    quantize: {scheme: int8}
device: any
gate: {max_drop: 0.9, max_slice_drop: 1, min_quality: 0.2}
release: {approve: never, accept_unproven: true, sign: false}
"""
"""The smallest that has a search: half a minute on two cores."""
DEVICE = """
name: any
description: All fits.
budget: {size_bytes: 1000000}
"""
Outputs = dict[str, Any]


@dataclass
class WholeRun:
    """One run of a recipe.

    Attributes:
        folder: Of this run: its store, its studies, the answers of its search workers.
        recipes: The folder of the recipe.
        run_id: Of the run.
        results: What each step gave, by step and label.
    """

    folder: Path
    recipes: Path
    run_id: str = "run"
    results: dict[tuple[str, str], Outputs] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)
    provenance: Provenance = field(default_factory=Provenance)

    def run(self, recipe: str, overrides: dict[str, Any]) -> None:
        """Run it from `resolve` to `promote`; a lane that is refused is left, as it is in a run.

        Raises:
            Refused: A step of the spine refused.
        """
        self.provenance = Provenance(run_id=self.run_id, recipe=recipe)
        world = self._step("resolve", {}, {"recipe": recipe, "overrides": overrides})
        self.provenance = self.provenance.model_copy(update={"recipe_sha256": world["recipe"]["sha256"]})
        self.params, champion = world["params"], world["champion"]
        data = self._step("preprocess", {})["data"]
        data = self._step("validate_data", {"data": data})["data"]
        trained = self._step("train", {"data": data})
        teacher = self._step("validate_model", {"model": trained["model"], "metrics": trained["metrics"]})["model"]
        exported = self._step("export", {"model": teacher, "scheme": "float32", "data": data}, label="baseline")
        baseline = self._step("evaluate", {"model": exported["model"], "data": data}, label="baseline")
        chosen = self._step("choose", {"workers": self._search(data, world["workers"])})
        plan = self._step("plan", {"model": teacher, "architectures": chosen["architectures"]})
        lanes = [lane for one in plan["candidates"] if (lane := self._lane(one, teacher, data, baseline))]
        judged = {"baseline": baseline, "lanes": lanes}
        verdict = self._step("validate_metrics", judged | {"data": data, "champion": champion})["verdict"]
        selection = self._step("select", judged | {"verdict": verdict})
        told = judged | {"data": data, "model": trained["model"], "metrics": trained["metrics"], "verdict": verdict}
        told |= {"plan": plan, "selection": selection, "trials": chosen["trials"], "champion": champion}
        report = self._step("report", told)
        released = {"selection": selection, "verdict": verdict, "report": report, "recipe": world["recipe"]}
        release = self._step("publish", released | {"data": data, "baseline": teacher})["release"]
        registered = self._step("register", {"release": release})
        self._step(
            "promote",
            {"registration": registered["registration"], "release": registered["release"], "champion": champion},
        )

    def summarise(self) -> None:
        """Write the run's `summary.json` into its folder."""
        store = open_store(str(self.folder / "store"))
        told = summarise(
            store,
            read_records(store, self.run_id),
            run_id=self.run_id,
            state="success",
            seconds=1.0,
            folder=self.folder,
            failures={},
        )
        (self.folder / "summary.json").write_bytes(told.to_json())

    def files(self) -> dict[str, str]:
        """Return the digest of each candidate's `.tflite` file, by its name."""
        exported = {label: outputs for (step, label), outputs in self.results.items() if step == "export"}
        return {label: outputs["model"]["file"]["sha256"] for label, outputs in exported.items()}

    def _lane(self, candidate: Outputs, teacher: Outputs, data: Outputs, baseline: Outputs) -> Outputs | None:
        models = [teacher]
        try:
            for step in LANE[:3]:
                given = {"prune": {"model": models[-1]}}.get(step, {"student": models[-1], "teacher": teacher})
                models.append(self._step(step, given | {"data": data}, candidate=candidate)["model"])
            quantized = self._step(
                "quantize", {"model": models[-1], "teacher": teacher, "data": data}, candidate=candidate
            )
            given = quantized | {"data": data, "stages": models, "teacher": teacher}
            exported = self._step("export", given, candidate=candidate)
            given = {"model": exported["model"], "data": data}
            given |= {"baseline": baseline["model"], "baseline_measurement": baseline["measurement"]}
            return self._step("evaluate", given, candidate=candidate)
        except Refused as refusal:
            print(refusal)
            return None

    def _search(self, data: Outputs, workers: list[int]) -> list[Outputs]:
        """Run the workers side by side, each in a process, and return what each one gave."""
        running = []
        for worker in workers:
            request = self._request("search", {"data": data, "worker": worker}, None, None, "")
            answer = self.folder / f"worker-{worker}.json"
            given = {Variable.REQUEST: request.to_json().decode(), Variable.RESULT: str(answer)}
            command = [sys.executable, "-m", "featherline.tasks", "search"]
            environment = os.environ | self._environment() | given
            running.append((answer, subprocess.Popen(command, cwd=ROOT, env=environment)))
        for answer, process in running:
            assert process.wait() == 0, answer
        return [StepResult.model_validate_json(answer.read_bytes()).outputs for answer, _ in running]

    def _step(
        self,
        step: str,
        inputs: Outputs,
        params: Outputs | None = None,
        *,
        candidate: Outputs | None = None,
        label: str = "",
    ) -> Outputs:
        request = self._request(step, inputs, params, candidate, label)
        label = candidate["name"] if candidate else label
        os.environ.update(self._environment())
        store = open_store(os.environ[Variable.STORE])
        context = Context(store, seed=request.seed, provenance=self.provenance, label=label)
        result = execute(step, request, context, time.monotonic())
        told = {name: getattr(result, name) for name in ("step", "label", "status", "key", "seconds", "outputs")}
        run_records.write(store, self.run_id, StepRecord(**told))
        self.results[step, label] = result.outputs
        return result.outputs

    def _request(
        self, step: str, inputs: Outputs, params: Outputs | None, candidate: Outputs | None, label: str
    ) -> StepRequest:
        given = {} if candidate else self.params[step] if params is None else params
        return StepRequest(inputs=inputs, params=given, candidate=candidate, label=label, provenance=self.provenance)

    def _environment(self) -> dict[str, str]:
        return {
            "PYTHONPATH": str(ROOT),
            Variable.STORE: str(self.folder / "store"),
            Variable.STUDIES: str(self.folder / "studies"),
            Variable.RECIPES: str(self.recipes),
        }


def small_run(folder: Path, overrides: dict[str, Any]) -> WholeRun:
    """Run the small recipe in a new folder, with changes, and return the run."""
    recipes = folder / "recipes"
    (recipes / "devices").mkdir(parents=True)
    (recipes / "small.yaml").write_text(RECIPE)
    (recipes / "devices" / "any.yaml").write_text(DEVICE)
    run = WholeRun(folder, recipes)
    run.run("small", overrides)
    return run
