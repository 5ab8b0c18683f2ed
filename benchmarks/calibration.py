"""How the ranges of activations are best found, and from how many images: a study on a trained ResNet-20 for CIFAR-10.

    float model ──► .tflite ──┬─► int8, four methods x five sizes x three draws of the calibration set
                              ├─► int4 weights, three ways to find their steps
                              └─► int16x8 and mixed      every file against the float one, on the same test images

agreement   fraction of the images on which the file predicts the float file's class
divergence  mean KL divergence of its predictions from the float file's, in nats: it moves before accuracy does

    python benchmarks/calibration.py ../shared/data      (the folder with models/ and cifar10/; half an hour)
"""

from __future__ import annotations

import io
import json
import statistics
import sys
import tempfile
import time
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pyarrow import parquet

from featherline.tasks.compression.quantization.post_training.calibration import activation_ranges
from featherline.tasks.compression.quantization.post_training.float_reference import FloatReference
from featherline.tasks.compression.quantization.post_training.layers import layers
from featherline.tasks.compression.quantization.post_training.mixed import mixed
from featherline.tasks.compression.quantization.post_training.static import StaticQuantizer
from featherline.tasks.contracts.model import Model
from featherline.tasks.contracts.post_training import Calibration, Mixed
from featherline.tasks.contracts.references import ModelFileRef
from featherline.tasks.data.dataset import in_turn
from featherline.tasks.litert.conversion import convert_apart
from featherline.tasks.measuring.machine import machine
from featherline.tasks.measuring.size import gzip_bytes
from featherline.tasks.problems.opening import open_problem
from featherline.tasks.store.artifacts import open_store

RESULTS = Path(__file__).parent / "results" / "calibration.json"
METHODS = ("minmax", "moving_average", "percentile", "mse")
WEIGHTS = ("minmax", "octav", "mse")
SIZES = (10, 50, 100, 200, 500)
DRAWS = 3
TEST_IMAGES = 2000
SLOW_IMAGES = 300
"""Of int16x8, whose kernels on this machine are the slow reference ones."""


class Study:
    """One float file, the images to calibrate with, and the reference for what comes out."""

    def __init__(self, home: Path) -> None:
        """Convert the model and read the images."""
        said = json.loads((home / "models" / "resnet20_cifar10.json").read_text())
        mean, std = (np.array(said[name], np.float32) for name in ("mean", "std"))
        self.train, self.train_labels = read(home, "train", 5000, mean, std)
        images, labels = read(home, "test", TEST_IMAGES, mean, std)
        with tempfile.TemporaryDirectory() as folder:
            store = open_store(folder)
            file = store.put_file(home / "models" / "resnet20_cifar10.keras", ModelFileRef)
            model = Model(file=file, parameters=271_690, macs=40_813_184, validation_quality=said["accuracy_test"])
            self.file = convert_apart(store, model, "float32", None).data
        self.reference = FloatReference(self.file, images, labels, open_problem("classification"))

    def quantizer(self, calibration: Calibration, count: int, draw: int) -> StaticQuantizer:
        """Return what rounds the file with ranges from `count` images, of another part of train for each draw."""
        order = np.random.default_rng(draw).permutation(len(self.train))
        chosen = order[in_turn(self.train_labels[order], count)]
        return StaticQuantizer(
            self.file, activation_ranges(self.file, self.train[chosen], calibration), calibration.weights
        )

    def compared(self, file: bytes, most: int | None = None) -> dict[str, Any]:
        """Return how far a file is from the float file, and its bytes."""
        found = asdict(self.reference.compare(file, most))
        return {name: round(value, 6) for name, value in found.items()} | {
            "bytes": len(file),
            "gzip_bytes": gzip_bytes(file),
        }


def main(home: Path) -> None:
    """Study, print, write."""
    started = time.monotonic()
    study = Study(home)
    found: dict[str, Any] = {
        "model": "ResNet-20, width 16, CIFAR-10 as JPEG",
        "test_images": TEST_IMAGES,
        "float": study.compared(study.file),
        "int8_activations": activations(study),
        "int4_weights": int4_weights(study),
        "int8_weights": int8_weights(study),
        "int16x8": study.compared(study.quantizer(Calibration(), 200, 0).all(16, {}), SLOW_IMAGES)
        | {"test_images": SLOW_IMAGES},
        "mixed": mixed_widths(study),
    }
    found |= {
        "machine": machine(),
        "versions": {name: version(name) for name in ("ai-edge-litert", "litert-quantizer", "tensorflow")},
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "command": "python benchmarks/calibration.py ../shared/data",
        "minutes": round((time.monotonic() - started) / 60, 1),
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(found, indent=2) + "\n")


def activations(study: Study) -> list[dict[str, Any]]:
    """Return a row for each method and size: median of the draws, and the worst drop."""
    rows = []
    for method in METHODS:
        for count in SIZES:
            draws = [
                study.compared(study.quantizer(Calibration(method=method), count, draw).all(8, {}))
                for draw in range(DRAWS)
            ]
            row = {
                name: statistics.median(draw[name] for draw in draws) for name in ("drop", "agreement", "divergence")
            }
            rows.append({"method": method, "images": count, **row, "worst_drop": max(draw["drop"] for draw in draws)})
            print(rows[-1], flush=True)
    return rows


def int4_weights(study: Study) -> list[dict[str, Any]]:
    """Return a row for each way to find the steps of int4 weights."""
    return [_weights(study, name, int4=True) for name in WEIGHTS]


def int8_weights(study: Study) -> list[dict[str, Any]]:
    """Return a row for each way to find the steps of int8 weights."""
    return [_weights(study, name, int4=False) for name in WEIGHTS]


def _weights(study: Study, name: Any, *, int4: bool) -> dict[str, Any]:
    widths: Any = {layer.scope: "int4" for layer in layers(study.file)} if int4 else {}
    row = {"weights": name} | study.compared(study.quantizer(Calibration(weights=name), 200, 0).all(8, widths))
    print("int4" if int4 else "int8", row, flush=True)
    return row


def mixed_widths(study: Study) -> list[dict[str, Any]]:
    """Return a row for each budget: chosen and judged on the same images, so that the drop is a little too good."""
    rows = []
    for budget in (0.002, 0.005, 0.01, 0.02):
        quantizer, settings = study.quantizer(Calibration(), 200, 0), Mixed(max_drop=budget, examples=300)
        made = mixed(quantizer, settings, study.reference, lambda compared, most=budget: compared.drop <= most)
        widths = [layer.width for layer in made.layers]
        counts = {width: widths.count(width) for width in ("int4", "int8", "float")}
        rows.append({"max_drop": budget, "layers": counts, **study.compared(made.data)})
        print(rows[-1], flush=True)
    return rows


def read(
    home: Path, split: str, count: int, mean: NDArray[np.float32], std: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the first images of a split, normalised, and their labels."""
    batches = parquet.ParquetFile(home / "cifar10" / f"{split}.parquet").iter_batches(batch_size=count)
    rows = next(batches).to_pylist()
    pixels = [np.asarray(Image.open(io.BytesIO(row["image"]["bytes"])).convert("RGB")) for row in rows]
    images: NDArray[np.float32] = (np.stack(pixels).astype(np.float32) / np.float32(255) - mean) / std
    return images, np.array([row["label"] for row in rows], np.int64)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
