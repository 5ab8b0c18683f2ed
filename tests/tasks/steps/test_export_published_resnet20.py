"""A trained ResNet-20 for CIFAR-10, exported and measured: the numbers that are published of it are met."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pyarrow import parquet

from featherline.tasks.contracts.dataset import Dataset, InputSpec, Profile, Shard, Split, SplitName, Statistics
from featherline.tasks.contracts.measurement import Measurement
from featherline.tasks.contracts.model import Model, Scheme
from featherline.tasks.contracts.references import DatasetRef, ModelFileRef, SamplesRef
from featherline.tasks.contracts.steps.evaluate import EvaluateInputs, EvaluateParams
from featherline.tasks.contracts.steps.export import ExportInputs, ExportParams
from featherline.tasks.running.context import Context
from featherline.tasks.steps.evaluate import evaluate
from featherline.tasks.steps.export import export
from featherline.tasks.store.artifacts import Store

HOME = Path(os.environ.get("FEATHERLINE_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
FILE = HOME / "models" / "resnet20_cifar10.keras"

pytestmark = [
    pytest.mark.shared_data,
    pytest.mark.skipif(not FILE.exists(), reason="FEATHERLINE_TEST_DATA has no models/resnet20_cifar10.keras"),
]

ARENAS_BYTES: dict[Scheme, int] = {"float32": 276_080, "int8": 79_632}
CONVERTER_BYTES: dict[Scheme, int] = {"float32": 1_100_096, "int8": 308_552}
"""What the converter gives through a SavedModel, before anything is taken out."""


@pytest.fixture
def cifar(store: Store) -> DatasetRef:
    """Give 1,000 test images, which validate too, and 100 to calibrate."""
    said = json.loads(FILE.with_suffix(".json").read_text())
    test, train = _split(store, "test", 1000), _split(store, "train", 100)
    splits: dict[SplitName, Split] = {"train": train, "calibration": train, "validation": test, "test": test}
    return store.put(
        Dataset(
            name="cifar10",
            inputs={
                "image": InputSpec(
                    modality="image",
                    shape=(32, 32, 3),
                    dtype="uint8",
                    statistics=Statistics(scale=255, mean=said["mean"], std=said["std"]),
                )
            },
            vocabulary=tuple((HOME / "cifar10" / "classes.txt").read_text().split()),
            splits=splits,
            samples=store.put_bytes(b"no test here reads it", SamplesRef),
        ),
        DatasetRef,
    )


@pytest.mark.parametrize("scheme", ["float32", "int8"])
def test_published_numbers_are_met(store: Store, context: Context, cifar: DatasetRef, scheme: Scheme) -> None:
    """MACs and the arena are met to the byte, accuracy within two points, and the file is smaller than published."""
    file = store.put_file(FILE, ModelFileRef)
    source = Model(file=file, parameters=271_690, macs=40_813_184, validation_quality=0.8753)

    model = export(ExportInputs(model=source, scheme=scheme, data=cifar), ExportParams(), context).model
    out = evaluate(EvaluateInputs(model=model, data=cifar), EvaluateParams(runs=50), context)
    measured = store.read(out.measurement, Measurement)

    assert (measured.macs, measured.parameters) == (40_813_184, 271_690)
    assert (measured.peak_ram_bytes, measured.peak_ram_method) == (ARENAS_BYTES[scheme], "tflite-micro")
    assert measured.quality.value == pytest.approx(0.8753, abs=0.02)
    assert 0.9 * CONVERTER_BYTES[scheme] < measured.size_bytes < CONVERTER_BYTES[scheme]


def _split(store: Store, name: str, count: int) -> Split:
    table = parquet.ParquetFile(HOME / "cifar10" / f"{name}.parquet").iter_batches(batch_size=count)
    rows = next(table).to_pylist()
    images = np.stack([np.asarray(Image.open(io.BytesIO(row["image"]["bytes"])).convert("RGB")) for row in rows])
    labels = np.array([row["label"] for row in rows], np.int64)
    shard = Shard(examples={"image": store.put_array(images)}, targets=store.put_array(labels), count=count)
    counts = tuple(map(int, np.bincount(labels, minlength=10)))
    profile = Profile(mean=(0.5,) * 3, std=(0.25,) * 3)
    return Split(shards=(shard,), count=count, strata=counts, profiles={"image": profile})
