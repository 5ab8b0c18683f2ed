"""Featherline against what people use today, from one float ResNet-20 on CIFAR-10.

    float.keras ─┬─► rivals: converter, quantizer, TFMOT ─────► NAME.tflite ─┐
                 ├─► Featherline: prune ► quantize ► export ──► NAME.tflite ─┼─► [evaluate] ─► results, plot
                 └─► trained further ───────────────────────┬─► NAME.tflite ─┤
                                                            ├─► Featherline ─┤
    nothing ───────► a small network, trained from scratch ─┼─► NAME.tflite ─┤
                                  float.keras is its teacher ┴─► Featherline ─┘

A file in `benchmarks/results/cifar10-resnet20/` that was made with the same parameters is not made again; `--anew`
makes all of them again. A training that was killed goes on from its last epoch; `wall_s` of a rival that was killed
is that of its last process alone. At the end all files are measured anew by the step `evaluate`, each in turn with
the float file, and the README gets the table.

    python -m benchmarks.cifar10 --model resnet20.keras --data cifar10/      (hours; progress a line an epoch)
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cifar10.table import put_into
from benchmarks.seed_case.plot import plot
from benchmarks.seed_case.rival_rows import RIVALS
from benchmarks.steps import ROOT, Steps, run_module
from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.measurement import Measurement
from featherline.tasks.contracts.references import DatasetRef, LiteRTFileRef, MeasurementRef
from featherline.tasks.data.dataset import read_split
from featherline.tasks.measuring.machine import machine
from featherline.tasks.modalities.image.preprocessing import model_inputs, own_of

RESULTS = ROOT / "benchmarks" / "results"
FILES = RESULTS / "cifar10-resnet20"
SEED = 0

TEACHING = {"temperature": 4, "alpha": 0.5}
"""As much from the labels as from the teacher, who is hardly better than its students are to be."""
FIT = {"optimizer": "sgd", "schedule": "one_cycle", "weight_decay": 1e-4, "flip": True, "crop": 4, "batch_size": 128}
LONG = FIT | {"learning_rate": 0.1}
"""Of whatever trains for long: the pruned models, and the control."""
SHORT = FIT | {"schedule": "cosine", "epochs": 2, "learning_rate": 0.0025}
QAT = {"scheme": "int8", "qat": True, "distillation": TEACHING, "fit": SHORT}
QAT_INT4 = QAT | {"scheme": "static_wi4_ai8", "fit": SHORT | {"epochs": 22, "learning_rate": 0.02}}


def pruned(
    targets: dict[str, float],
    epochs: int,
    *,
    cached_augmentations: int | None = None,
    fit: dict[str, Any] | None = None,
    quantize: dict[str, Any] = QAT,
) -> dict[str, Any]:
    """Return the parameters of the steps for these parts of a model; `fit` is how it learns beside `LONG`.

    No choice between files is made on the validation split: the given model was trained on its images too.
    """
    ranking = {"method": "channel", "criterion": "taylor", "ratios": "sensitivity"}
    distillation = TEACHING | ({} if cached_augmentations is None else {"cached_augmentations": cached_augmentations})
    learning = {"distillation": distillation, "fit": LONG | {"epochs": epochs} | (fit or {})}
    return {"prune": ranking | targets | learning, "quantize": quantize}


RESNET8 = {"architecture": {"builder": "resnet", "options": {"depth": 8, "width": 16}}, "fit": LONG | {"epochs": 120}}
"""The network of MLPerf Tiny.

Source: https://github.com/mlcommons/tiny/tree/master/benchmark/training/image_classification
"""

HIDING = {"cutout": 8, "keep": "last"}
FURTHER = {"fit": LONG | HIDING | {"epochs": 30, "weight_decay": 2.5e-4}}
"""Of the given model, to be pruned and to be the teacher: the better a teacher, the better its student."""

OURS: dict[str, dict[str, Any]] = {
    "featherline-10x": {"further": FURTHER}
    | pruned({"keep_macs": 0.31, "keep_parameters": 0.36, "floor": 0.5}, 75, fit=HIDING | {"weight_decay": 2e-4}),
    "featherline-12x": pruned({"keep_macs": 0.25}, 36, cached_augmentations=12),
    "featherline-25x": {"train": RESNET8} | pruned({"keep_parameters": 0.868, "floor": 0.5}, 35, quantize=QAT_INT4),
    "further-int8": {"further": FURTHER},
    "scratch-resnet8": {"train": RESNET8},
}
"""By how much smaller Featherline's files are; and two controls. The first begins with the given model trained further,
which is its teacher: `further-int8` is that model, whole. The third begins with `scratch-resnet8`, a network of about
the first two's bytes that is trained from scratch, with the given model as teacher.
"""


class Bench:
    """The work in a folder of its own, the files that it makes, and what each took."""

    def __init__(self, folder: Path, model: Path, data: Path) -> None:
        """Work in `folder`, from a float model and parquet data."""
        self.folder, self.model, self.source = folder, model, data
        folder.mkdir(parents=True, exist_ok=True)
        FILES.mkdir(parents=True, exist_ok=True)
        self.steps = Steps(folder, SEED)

    def prepare(self) -> None:
        """Make the data set and take the float model as it is."""
        parameters = {
            "name": "cifar10",
            "source": str(self.source),
            "calibration_count": 500,
            "max_corrupt_fraction": 1e-4,
        }
        self.data = self.steps.call("preprocess", {}, parameters, "")[0]["data"]
        taken = {"file": str(self.model), "fit": {"epochs": 0}}
        self.teacher = self.steps.call("train", {"data": self.data}, taken, "")[0]["model"]
        exported, _ = self.steps.call("export", self._exported(self.teacher, "float32"), {}, "float")
        self.float_file = exported["model"]
        self._write("float", self._bytes(exported), parameters={}, tool="none", wall_s=0.0)

    def make(self, name: str, parameters: dict[str, Any]) -> None:
        """Make a file as its parameters say: by a rival, or by the steps that they are of."""
        if "prune" in parameters:
            self._featherline(name, parameters)
        elif "train" in parameters or "further" in parameters:
            self._control(name, parameters)
        else:
            self._rival(name, parameters)

    def _featherline(self, name: str, parameters: dict[str, Any]) -> None:
        """Prune the given model, or one that is trained first, train with the rounding in the loop, export.

        The given model is the teacher of a network trained from scratch; the given one trained further is its own.
        """
        whole, teacher, before = self.teacher, self.teacher, 0.0
        asked = parameters["prune"]
        if "train" in parameters or "further" in parameters:
            whole, before = self._trained(name, parameters)
        if "train" in parameters:
            asked = asked | {"teacher": str(self.model)}
        if "further" in parameters:
            teacher = whole
        model, pruning = self.steps.call("prune", {"model": whole, "data": self.data}, asked, name)
        inputs = {"model": model["model"], "teacher": teacher, "data": self.data}
        qat, training = self.steps.call("quantize", inputs, parameters["quantize"], name)
        scheme = parameters["quantize"]["scheme"]
        exported, converting = self.steps.call("export", self._exported(qat["model"], scheme), {}, name)
        seconds = before + pruning + training + converting
        self._write(name, self._bytes(exported), parameters=parameters, tool="Featherline", wall_s=seconds)

    def _control(self, name: str, parameters: dict[str, Any]) -> None:
        """Train a small model from nothing, or the given one further, and convert it."""
        model, training = self._trained(name, parameters)
        exported, converting = self.steps.call("export", self._exported(model, "int8"), {}, name)
        tool = "from scratch, int8" if "train" in parameters else "trained further, int8"
        self._write(name, self._bytes(exported), parameters=parameters, tool=tool, wall_s=training + converting)

    def _trained(self, name: str, parameters: dict[str, Any]) -> tuple[dict[str, Any], float]:
        """Train what a row begins with. Returns the model, and the seconds that it took."""
        asked = parameters["train"] if "train" in parameters else parameters["further"] | {"file": str(self.model)}
        outputs, seconds = self.steps.call("train", {"data": self.data}, asked, name)
        return outputs["model"], seconds

    def _rival(self, name: str, parameters: dict[str, Any]) -> None:
        """Let a rival make its file, in a process of its own."""
        self._hand_over()
        started = time.monotonic()
        file = self.folder / f"{name}.tflite"
        run_module("benchmarks.seed_case.rivals", name, self.model, self.folder, file)
        data = file.read_bytes()
        self._write(name, data, parameters=parameters, tool=name.partition("-")[0], wall_s=time.monotonic() - started)

    def measure(self, name: str, run: str) -> dict[str, Any]:
        """Measure a file in turn with the float file, once in each run, and return its row."""
        file = self.steps.store.put_bytes((FILES / f"{name}.tflite").read_bytes(), LiteRTFileRef)
        kept = json.loads((FILES / f"{name}.json").read_text())
        scheme = "float32" if name == "float" else kept["parameters"].get("quantize", QAT)["scheme"]
        inputs: dict[str, Any] = {
            "model": self.float_file | {"file": file.model_dump(mode="json"), "scheme": scheme},
            "data": self.data,
            "baseline": self.float_file,
        }
        outputs, _ = self.steps.call("evaluate", inputs, {"candidate": name, "runs": 1000}, name, run=run)
        found = self.steps.store.read(MeasurementRef.model_validate(outputs["measurement"]), Measurement)
        return {
            "name": name,
            "tool": kept["tool"],
            "accuracy": found.quality.value,
            "accuracy_low": found.quality.low,
            "accuracy_high": found.quality.high,
            "raw_bytes": found.size_bytes,
            "zstd_bytes": found.zstd_bytes,
            "macs": found.macs,
            "peak_ram_bytes": found.peak_ram_bytes,
            "latency_ms_p50": found.latency_ms.p50,
            "speedup": found.latency_ms.speedup,
            "wall_s": kept["wall_s"],
            "made_on": kept["made_on"],
            "seed": SEED,
        }

    def _hand_over(self) -> None:
        """Write the train split as rivals read it, normalised."""
        if not (self.folder / "train.npz").exists():
            dataset = self.steps.store.read(DatasetRef.model_validate(self.data), Dataset)
            examples, labels = read_split(self.steps.store, dataset, "train")
            images = examples["image"]
            np.savez(
                self.folder / "train.npz", images=model_inputs(images, own_of(dataset.inputs["image"])), labels=labels
            )

    def _exported(self, model: dict[str, Any], scheme: str) -> dict[str, Any]:
        return {"model": model, "scheme": scheme, "data": self.data}

    def _bytes(self, exported: dict[str, Any]) -> bytes:
        return self.steps.store.read_bytes(LiteRTFileRef.model_validate(exported["model"]["file"]))

    @staticmethod
    def _write(name: str, data: bytes, *, parameters: dict[str, Any], tool: str, wall_s: float) -> None:
        (FILES / f"{name}.tflite").write_bytes(data)
        made_on = f"{datetime.now(UTC):%Y-%m-%d}"
        note = {"tool": tool, "wall_s": round(wall_s, 1), "made_on": made_on, "parameters": parameters}
        (FILES / f"{name}.json").write_text(json.dumps(note, indent=2) + "\n")


def made(name: str, parameters: dict[str, Any]) -> bool:
    """Return whether a file is there that was made with these parameters."""
    note = FILES / f"{name}.json"
    return note.exists() and bool(json.loads(note.read_text()).get("parameters") == parameters)


def main() -> None:
    """Make what is missing, measure everything, write the results and the plot."""
    options = _options()
    rows = {name: rival.parameters for name, rival in RIVALS.items()} | OURS
    if unknown := [name for name in options.only or () if name not in rows]:
        sys.exit(f"bench: there is no row {', '.join(unknown)}\n  expected  some of {', '.join(rows)}")
    bench = Bench(ROOT / "var" / "bench-cifar10", options.model.resolve(), options.data.resolve())
    bench.prepare()
    for name in options.only or rows:
        if options.anew or not made(name, rows[name]):
            print(f"== {name}", flush=True)
            bench.make(name, rows[name])
    run = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}"
    measured = [bench.measure(name, run) for name in ("float", *rows) if (FILES / f"{name}.json").exists()]
    results = {
        "rows": measured[1:],
        "baseline": measured[0],
        "machine": machine(),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "command": "python -m benchmarks.cifar10 --model resnet20.keras --data cifar10/",
    }
    (RESULTS / "cifar10-resnet20.json").write_text(json.dumps(results, indent=2) + "\n")
    ours = {row["name"] for row in measured if row["tool"] == "Featherline"}
    plot(measured, ours, RESULTS / "cifar10-resnet20.svg")
    put_into(ROOT / "README.md", results)
    for row in measured:
        print(
            f"{row['name']:24} {100 * row['accuracy']:6.2f} %  {row['raw_bytes']:>9,} B  {row['macs']:>11,} MACs",
            end="",
        )
        print(f"  {row['latency_ms_p50']:.3f} ms")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cifar10", description="Hours; goes on after a kill.")
    parser.add_argument("--model", type=Path, required=True, help="a float ResNet-20 for CIFAR-10, as .keras")
    parser.add_argument("--data", type=Path, required=True, help="CIFAR-10 as parquet, as `featherline data` brings it")
    parser.add_argument("--only", nargs="*", help="these rows alone")
    parser.add_argument("--anew", action="store_true", help="make files again that are there already")
    return parser.parse_args()


if __name__ == "__main__":
    main()
