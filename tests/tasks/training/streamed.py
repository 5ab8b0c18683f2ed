"""A training on more examples than the process may hold, in a process of its own; run by its test."""

from __future__ import annotations

import re
import resource
import sys
from pathlib import Path

import numpy as np

from featherline.tasks.contracts.dataset import Dataset, InputSpec, Profile, Shard, Split, SplitName, Statistics
from featherline.tasks.contracts.fit import Fit
from featherline.tasks.contracts.references import SamplesRef
from featherline.tasks.networks.framework import keras, tf
from featherline.tasks.store.artifacts import Store
from featherline.tasks.store.blobs import FolderBlobs
from featherline.tasks.training.data import TrainingData, load_training_data
from featherline.tasks.training.loop import fit_model

SIDE, A_SHARD, SHARDS = 64, 4096, 16
OTHERS: tuple[SplitName, ...] = ("validation", "calibration", "test")
SPARE_BYTES = 270 * 2**20
"""What the process may take beside what TensorFlow took when it was started."""


def main(folder: Path) -> None:
    """Train for an epoch under a limit that is far below the bytes of the examples, and say both."""
    store = Store(FolderBlobs(folder))
    dataset = _dataset(store)
    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            keras.layers.Conv2D(4, 8, strides=8),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(2),
        ]
    )
    tf.constant(1.0).numpy()
    taken = re.search(r"VmData:\s+(\d+)", Path("/proc/self/status").read_text())
    assert taken is not None
    limit = int(taken[1]) * 1024 + SPARE_BYTES
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    with load_training_data(store, dataset) as data:
        _check_that_it_does_not_fit(data)
        history = fit_model(model, data, Fit(epochs=1, batch_size=64), seed=0, stage="train")
    print(f"{limit} {dataset.splits['train'].count * SIDE * SIDE * 3} {history.loss[0]}")


def _check_that_it_does_not_fit(data: TrainingData) -> None:
    try:
        data.train.stored()
    except MemoryError:
        return
    raise AssertionError("the limit holds nothing off")


def _dataset(store: Store) -> Dataset:
    """Store one shard of noise, and name it as often as it takes to have more bytes than memory."""
    generator = np.random.default_rng(0)

    def split(shards: int, size: int) -> Split:
        image = store.put_array(generator.integers(0, 256, (size, SIDE, SIDE, 3), dtype=np.uint8))
        targets = store.put_array(np.arange(size, dtype=np.int64) % 2)
        shard = Shard(examples={"image": image}, targets=targets, count=size)
        count = shards * size
        profiles = {"image": Profile(mean=(0.5,) * 3, std=(0.3,) * 3)}
        return Split(shards=(shard,) * shards, count=count, strata=(count // 2,) * 2, profiles=profiles)

    spec = InputSpec(
        modality="image",
        shape=(SIDE, SIDE, 3),
        dtype="uint8",
        statistics=Statistics(scale=255.0, mean=(0.5,) * 3, std=(0.3,) * 3),
    )
    return Dataset(
        name="noise",
        inputs={"image": spec},
        vocabulary=("even", "odd"),
        splits={"train": split(SHARDS, A_SHARD), **{name: split(1, 64) for name in OTHERS}},
        samples=store.put_bytes(b"none", SamplesRef),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
