"""What looks at whole splits, done by a process that may take little memory. Called by `test_bounded_memory`.

python -m tests.tasks.across.little_memory WHAT FOLDER MOST_BYTES
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from featherline.tasks.compression.pruning.criteria import unit_scores
from featherline.tasks.compression.pruning.groups import trace_channels
from featherline.tasks.compression.pruning.rounds import recalibrate
from featherline.tasks.compression.quantization.post_training.calibration import activation_ranges
from featherline.tasks.compression.quantization.post_training.float_reference import FloatReference
from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.model import LiteRTModel
from featherline.tasks.contracts.post_training import Calibration
from featherline.tasks.contracts.references import DatasetRef
from featherline.tasks.contracts.steps.evaluate import EvaluateInputs, EvaluateParams
from featherline.tasks.modalities.feeding import own_of
from featherline.tasks.modalities.model_inputs import opened_inputs
from featherline.tasks.modalities.reading import open_split
from featherline.tasks.networks.model_files import load_path
from featherline.tasks.problems.opening import open_problem
from featherline.tasks.running.context import Context
from featherline.tasks.steps.evaluate import evaluate
from featherline.tasks.store.artifacts import Store, open_store
from featherline.tasks.training import data as training_data


def evaluated(folder: Path, store: Store) -> Any:
    """Return where the measurement of a file lies."""
    model = LiteRTModel.model_validate_json((folder / "model.json").read_bytes())
    inputs = EvaluateInputs(model=model, data=reference_of(folder))
    return evaluate(inputs, EvaluateParams(runs=20, warm_up=1), Context(store)).measurement.model_dump()


def calibrated(folder: Path, store: Store) -> Any:
    """Return the ranges of all activations, and how a file compares with itself."""
    file, dataset = (folder / "named.tflite").read_bytes(), store.read(reference_of(folder), Dataset)
    with opened_inputs(store, dataset, "test", own_of(dataset)) as inputs:
        ranges = activation_ranges(file, inputs, Calibration(method="mse"))
        reference = FloatReference(file, inputs, inputs.targets, open_problem("classification"))
        compared = reference.compare(file)
        reference.close()
    return {"ranges": ranges, "quality": compared.quality, "agreement": compared.agreement}


def scored(folder: Path, store: Store) -> Any:
    """Return what taylor thinks of the channels of a network, and the statistics of its normalisation, anew."""
    model = load_path(folder / "model.keras")
    training_data.KEPT_BYTES = 0  # these splits are small enough to be kept in the memory of any machine
    with training_data.load_training_data(store, store.read(reference_of(folder), Dataset)) as data:
        scores = unit_scores(model, trace_channels(model), "taylor", data=data)
        recalibrate(model, data, len(data.train), 0)
    return {"scores": scores.tolist(), "mean": model.layers[2].moving_mean.numpy().tolist()}


def held(folder: Path, store: Store) -> Any:
    """Return the mean of all examples, held as floats: what must fail."""
    with open_split(store, store.read(reference_of(folder), Dataset), "test") as reader:
        return float(reader.take(np.arange(len(reader)))["image"].astype(np.float32).mean())


def reference_of(folder: Path) -> DatasetRef:
    """Return where the data set lies."""
    return DatasetRef.model_validate_json((folder / "data.json").read_bytes())


WORKS: dict[str, Callable[[Path, Store], Any]] = {
    "evaluated": evaluated,
    "calibrated": calibrated,
    "scored": scored,
    "held": held,
}


def main(what: str, folder: Path, most_bytes: int) -> None:
    """Take no more memory than that beside what the imports took; work, and print what came of it."""
    status = Path("/proc/self/status").read_text().split()
    taken = int(status[status.index("VmData:") + 1]) * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (taken + most_bytes, taken + most_bytes))
    print(json.dumps(WORKS[what](folder, open_store(str(folder / "store")))))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
