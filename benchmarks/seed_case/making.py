"""Making one file of the benchmark, in a process of its own on one core, so that two are made at a time.

    given model ──► [prune] ─┬─► [quantize] ──► [export] ──► NAME.tflite, NAME.json
    fresh weights ► [distill]┘        given model ──► rival ──────┘

A file that was made with the same parameters is not made again; a killed training goes on from its last epoch.

    python -m benchmarks.seed_case.making NAME SEED FOLDER    reads FOLDER/given.json, which the benchmark writes
"""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.seed_case.rows import ROWS, Row
from benchmarks.steps import ROOT, Steps, run_module
from featherline.tasks.contracts.base import Contract
from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.references import DatasetRef, LiteRTFileRef
from featherline.tasks.modalities.image.preprocessing import IMAGE, model_inputs, own_of
from featherline.tasks.modalities.reading import open_split

FILES = ROOT / "benchmarks" / "results" / "seed-case"
FIRST_SEED = 0
Outputs = dict[str, Any]


class Given(Contract):
    """What the rows are made of: two float models and the images."""

    wide: str
    narrow: str
    data: str


class Bench:
    """The given models and the data set, in a folder of the benchmark's own.

    Attributes:
        data: The data set.
        models: The given models, as the step `train` takes them without training.
        files: Their float files, which rows are measured beside.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        """Take the given models and the data; what was done is not done again."""
        self.given = Given.model_validate_json((folder / "given.json").read_bytes())
        self.folder = folder
        self.steps = Steps(folder, seed, threads=1)
        shared = Steps(folder, FIRST_SEED, threads=1)
        parameters = {
            "name": "cifar10",
            "source": self.given.data,
            "calibration_count": 500,
            "max_corrupt_fraction": 1e-4,
        }
        self.data = shared.call("preprocess", {}, parameters, "")[0]["data"]
        self.models, self.files = {}, {}
        for start, path in (("wide", self.given.wide), ("narrow", self.given.narrow)):
            taken = {"file": path, "fit": {"epochs": 0}}
            self.models[start] = shared.call("train", {"data": self.data}, taken, start)[0]["model"]
            self.files[start] = self._exported(shared, self.models[start], "float32", start)[0]["model"]

    def make(self, name: str) -> None:
        """Make a row's file, by the steps that its parameters are of or by another tool."""
        row = ROWS[name]
        started = time.monotonic()
        if row.rival:
            data = self._by_rival(name, row)
            seconds = time.monotonic() - started
        else:
            data, seconds = self._by_steps(name, row)
        self._write(name, data, seconds)

    def _by_steps(self, name: str, row: Row) -> tuple[bytes, float]:
        """Return a file that Featherline made, and the seconds of all its steps."""
        model, took = self.models["wide" if row.start == "none" else row.start], 0.0
        if row.prune:
            asked = row.prune | {"teacher": self.given.wide}
            outputs, seconds = self.steps.call("prune", {"model": model, "data": self.data}, asked, name)
            model, took = outputs["model"], took + seconds
        if row.distill:
            inputs = {"teacher": self.models["wide"], "student": model, "data": self.data}
            outputs, seconds = self.steps.call("distill", inputs, row.distill, name)
            model, took = outputs["model"], took + seconds
        if row.quantize.get("qat"):
            inputs = {"model": model, "teacher": self.models["wide"], "data": self.data}
            outputs, seconds = self.steps.call("quantize", inputs, row.quantize, name)
            model, took = outputs["model"], took + seconds
        exported, seconds = self._exported(self.steps, model, row.quantize["scheme"], name)
        return self.steps.store.read_bytes(LiteRTFileRef.model_validate(exported["model"]["file"])), took + seconds

    def _by_rival(self, name: str, row: Row) -> bytes:
        """Return a file that another tool made, in a process of its own."""
        self._hand_over()
        model = {"wide": self.given.wide, "narrow": self.given.narrow}[row.start]
        file = self.folder / f"{name}.tflite"
        one_core = os.environ | dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"), "1")
        arguments = (row.rival["tool"], model, self.folder, file)
        run_module("benchmarks.seed_case.rivals", *arguments, environment=one_core)
        return file.read_bytes()

    def _hand_over(self) -> None:
        """Write the train split as rivals read it, normalised."""
        if not (self.folder / "train.npz").exists():
            dataset = self.steps.store.read(DatasetRef.model_validate(self.data), Dataset)
            with open_split(self.steps.store, dataset, "train") as train:
                images = model_inputs(train.take(range(len(train)))[IMAGE], own_of(dataset.inputs[IMAGE]))
                labels = train.targets
            part = self.folder / f"train.part-{os.getpid()}.npz"  # of two rivals at a time, each writes its own
            np.savez(part, images=images, labels=labels)
            part.replace(self.folder / "train.npz")

    def _exported(self, steps: Steps, model: Outputs, scheme: str, label: str) -> tuple[Outputs, float]:
        return steps.call("export", {"model": model, "scheme": scheme, "data": self.data}, {}, label)

    def _write(self, name: str, data: bytes, seconds: float) -> None:
        """Write a file and, last, what it was made with."""
        row, seed = ROWS[name], self.steps.seed
        FILES.mkdir(parents=True, exist_ok=True)
        place(name, seed).write_bytes(data)
        note = {
            "seed": seed,
            "epochs": row.epochs,
            "wall_s": round(seconds, 1),
            "made_on": f"{datetime.now(UTC):%Y-%m-%d}",
            "parameters": row.parameters,
        }
        place(name, seed).with_suffix(".json").write_text(json.dumps(note, indent=2) + "\n")


def place(name: str, seed: int) -> Path:
    """Return where a row's file lies."""
    return FILES / (f"{name}.tflite" if seed == FIRST_SEED else f"{name}-seed{seed}.tflite")


def made(name: str, seed: int) -> bool:
    """Return whether a row's file is there, and was made with the parameters that the row has now."""
    note = place(name, seed).with_suffix(".json")
    return note.exists() and bool(json.loads(note.read_text())["parameters"] == ROWS[name].parameters)


if __name__ == "__main__":
    Bench(Path(sys.argv[3]), int(sys.argv[2])).make(sys.argv[1])
