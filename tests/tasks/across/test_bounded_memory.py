"""Splits that are larger than the memory of the process that looks at them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from featherline.tasks.compression.pruning.criteria import unit_scores
from featherline.tasks.compression.pruning.groups import trace_channels
from featherline.tasks.compression.quantization.post_training.calibration import activation_ranges
from featherline.tasks.contracts.dataset import Dataset, InputSpec, Profile, Shard, Split, Statistics
from featherline.tasks.contracts.measurement import Measurement
from featherline.tasks.contracts.model import Ends, LiteRTModel, Model, TensorSpec
from featherline.tasks.contracts.post_training import Calibration
from featherline.tasks.contracts.references import (
    ArrayRef,
    DatasetRef,
    GoldenRef,
    LiteRTFileRef,
    MeasurementRef,
    ModelFileRef,
    SamplesRef,
)
from featherline.tasks.litert.convert import convert
from featherline.tasks.litert.interpreter import FileRunner
from featherline.tasks.networks.framework import keras
from featherline.tasks.networks.model_files import load_path
from featherline.tasks.store.artifacts import Store
from featherline.tasks.store.blobs import FolderBlobs
from featherline.tasks.training.data import TrainingData
from featherline.tasks.training.part import Part

ROOT = Path(__file__).parents[3]
ENDS = Ends(
    inputs={"image": TensorSpec(shape=(128, 128, 3), dtype="float32")},
    outputs={"logits": TensorSpec(shape=(4,), dtype="float32")},
)
SIDE, SHARD, SHARDS = 128, 250, 8
COUNT = SHARD * SHARDS
MOST_BYTES = 256 * 2**20
"""Of memory beside what was taken before; the examples take 98 MB as bytes and 393 MB as floats."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a store of 2,000 images of noise in every split, a network and its float file."""
    folder = tmp_path_factory.mktemp("large")
    store = Store(FolderBlobs(folder / "store"))
    generator = np.random.default_rng(0)
    shards = []
    for _ in range(SHARDS):
        images = generator.integers(0, 256, (SHARD, SIDE, SIDE, 3), np.uint8)
        targets = generator.integers(0, 4, SHARD)
        shards.append(Shard(examples={"image": store.put_array(images)}, targets=store.put_array(targets), count=SHARD))
    statistics = Statistics(scale=255.0, mean=(0.5,) * 3, std=(0.25,) * 3)
    split = Split(
        shards=tuple(shards),
        count=COUNT,
        strata=(COUNT // 4,) * 4,
        profiles={"image": Profile(mean=(0.5,) * 3, std=(0.25,) * 3)},
    )
    dataset = Dataset(
        name="noise",
        inputs={"image": InputSpec(modality="image", shape=(SIDE, SIDE, 3), dtype="uint8", statistics=statistics)},
        vocabulary=("a", "b", "c", "d"),
        splits=dict.fromkeys(("train", "validation", "calibration", "test"), split),
        samples=store.put_bytes(b"not read", SamplesRef),
    )
    (folder / "data.json").write_bytes(store.put(dataset, DatasetRef).to_json())
    keras.utils.set_random_seed(0)
    layers = keras.layers
    image = keras.Input((SIDE, SIDE, 3))
    stream = layers.Conv2D(8, 3, strides=8, use_bias=False, name="first")(image)
    stream = layers.ReLU()(layers.BatchNormalization()(stream))
    network = keras.Model(image, layers.Dense(4)(layers.GlobalAveragePooling2D()(stream)))
    network.save(folder / "model.keras")
    file = convert(network, "float32", ends=ENDS)
    (folder / "named.tflite").write_bytes(file)
    source = Model(file=store.put_bytes(b"not read", ModelFileRef), parameters=1, macs=1, validation_quality=0.5)
    model = LiteRTModel(
        file=store.put_bytes(file, LiteRTFileRef),
        scheme="float32",
        ends=ENDS,
        golden=store.put_bytes(b"not read", GoldenRef),
        validation_quality=0.5,
        validation_slices=(),
        source=source,
    )
    (folder / "model.json").write_bytes(model.to_json())
    return folder


@pytest.fixture(scope="module")
def whole(folder: Path) -> tuple[Any, Any]:
    """Give all images as the network takes them, and their labels."""
    store = Store(FolderBlobs(folder / "store"))
    dataset = store.read(DatasetRef.model_validate_json((folder / "data.json").read_bytes()), Dataset)
    shards = dataset.splits["test"].shards
    images = np.concatenate([store.read_array(shard.examples["image"]) for shard in shards])
    labels = np.concatenate([store.read_array(shard.targets) for shard in shards])
    return (images.astype(np.float32) / np.float32(255) - np.float32(0.5)) / np.float32(0.25), labels


def with_little_memory(what: str, folder: Path, most_bytes: int = MOST_BYTES) -> subprocess.CompletedProcess[str]:
    """Let a process of little memory do it."""
    command = [sys.executable, "-m", "tests.tasks.across.little_memory", what, str(folder), str(most_bytes)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def answer(what: str, folder: Path) -> Any:
    """Return what such a process found."""
    done = with_little_memory(what, folder)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_a_file_is_measured_on_a_split_larger_than_the_memory(folder: Path, whole: tuple[Any, Any]) -> None:
    """Outputs and quality are those of all examples at once."""
    measured = answer("evaluated", folder)

    store = Store(FolderBlobs(folder / "store"))
    found = store.read(MeasurementRef.model_validate(measured), Measurement)
    outputs = FileRunner((folder / "named.tflite").read_bytes()).predict(whole[0])
    assert np.array_equal(store.read_array(ArrayRef.model_validate(found.outputs.model_dump())), outputs)
    assert found.quality.value == (outputs.argmax(axis=1) == whole[1]).mean()


def test_ranges_are_found_on_a_split_larger_than_the_memory(folder: Path, whole: tuple[Any, Any]) -> None:
    """They are those of all examples at once; and the file that is compared with itself says the same."""
    found = answer("calibrated", folder)

    file = (folder / "named.tflite").read_bytes()
    ranges = activation_ranges(file, whole[0], Calibration(method="mse"))
    assert found["ranges"] == {name: list(ends) for name, ends in ranges.items()}
    assert found["agreement"] == 1.0
    assert found["quality"] == (FileRunner(file).predict(whole[0]).argmax(axis=1) == whole[1]).mean()


def test_channels_are_scored_on_a_split_larger_than_the_memory(folder: Path, whole: tuple[Any, Any]) -> None:
    """Scores are those of examples that are held; the statistics anew are those of all examples."""
    found = answer("scored", folder)

    part = Part({"image": whole[0]}, whole[1])
    model = load_path(folder / "model.keras")
    scores = unit_scores(model, trace_channels(model), "taylor", data=TrainingData(part, part, 4))
    assert found["scores"] == pytest.approx(scores.tolist(), rel=1e-4)
    seen = keras.Model(model.input, model.layers[1].output).predict(whole[0], batch_size=50, verbose=0)
    assert found["mean"] == pytest.approx(seen.mean(axis=(0, 1, 2)).tolist(), abs=1e-4)


def test_the_limit_is_one(folder: Path) -> None:
    """A process that reads all examples, to hold them as floats, dies of it."""
    done = with_little_memory("held", folder)

    assert done.returncode == 1
    assert "MemoryError" in done.stderr
