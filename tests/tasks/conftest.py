"""A folder store, a context and a small real data set for the tests of the steps, and what is made once for all rooms.

Fixtures of several rooms are in modules beside this one, which the `conftest.py` of each such room imports. What is
made once for all of them is imported here alone: imported twice, it would be made twice.
"""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from featherline.tasks.contracts.dataset import Dataset, InputSpec, Profile, Shard, Split, Statistics
from featherline.tasks.contracts.references import DatasetRef, SamplesRef
from featherline.tasks.contracts.request import Variable
from featherline.tasks.running.context import Context
from featherline.tasks.store.artifacts import Store
from featherline.tasks.store.blobs import FolderBlobs
from tests.tasks.mlflow_server import mlflow_server

__all__ = ["mlflow_server"]

SCALE = 16.0
SIZES = {"train": 600, "validation": 100, "test": 100}
CALIBRATION = 100
"""Images of train."""


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> float:
    """Let no test wait for a server for minutes: one second."""
    monkeypatch.setenv(Variable.PATIENCE, "1")
    return 1.0


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Give an empty store in a folder."""
    return Store(FolderBlobs(tmp_path / "store"))


@pytest.fixture(scope="session")
def shared_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Give one store for all tests of `exported`, so that what is made once is found by each."""
    return Store(FolderBlobs(tmp_path_factory.mktemp("shared") / "store"))


@pytest.fixture(scope="session")
def made() -> dict[str, Any]:
    """Give a place for what is made once."""
    return {}


@pytest.fixture
def own_builders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `own_builders`, the builders of a user, be imported by their module's name, here and in child processes."""
    folder = str(Path(__file__).parent / "users")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (folder, os.environ.get("PYTHONPATH")))))


@pytest.fixture
def context(store: Store) -> Context:
    """Give a step's context with that store."""
    return Context(store)


@pytest.fixture
def digits(store: Store) -> tuple[DatasetRef, Dataset]:
    """Give scikit-learn's digits in the store: 8x8x1, ten classes, 600/100/100 images, 100 of train calibrate."""
    bunch = load_digits()
    images = bunch.images.astype(np.uint8)[..., np.newaxis]
    labels = bunch.target.astype(np.int64)
    order = np.random.default_rng(0).permutation(len(labels))
    splits: dict[str, NDArray[np.intp]] = {}
    start = 0
    for name, count in SIZES.items():
        splits[name] = order[start : start + count]
        start += count
    splits["calibration"] = splits["train"][:CALIBRATION]
    train = images[splits["train"]] / SCALE
    dataset = Dataset(
        name="digits",
        inputs={
            "image": InputSpec(
                modality="image",
                shape=(8, 8, 1),
                dtype="uint8",
                statistics=Statistics(scale=SCALE, mean=(float(train.mean()),), std=(float(train.std()),)),
            )
        },
        vocabulary=tuple(str(digit) for digit in range(10)),
        splits={name: _split(store, images[chosen], labels[chosen]) for name, chosen in splits.items()},
        samples=_samples(store, images, labels, splits),
    )
    return store.put(dataset, DatasetRef), dataset


def _split(store: Store, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> Split:
    """Store a split in two shards, so that readers meet the seam."""
    half = len(labels) // 2
    shards = tuple(
        Shard(
            examples={"image": store.put_array(images[part])},
            targets=store.put_array(labels[part]),
            count=len(labels[part]),
        )
        for part in (slice(0, half), slice(half, None))
    )
    return Split(
        shards=shards,
        count=len(labels),
        strata=tuple(int(count) for count in np.bincount(labels, minlength=10)),
        profiles={"image": Profile(mean=(float((images / SCALE).mean()),), std=(float((images / SCALE).std()),))},
    )


def _samples(
    store: Store, images: NDArray[np.uint8], labels: NDArray[np.int64], splits: dict[str, NDArray[np.intp]]
) -> SamplesRef:
    rows = [
        {
            "split": name,
            "stratum": int(labels[index]),
            "sha256": hashlib.sha256(images[index].tobytes()).hexdigest(),
            "image_mean": float(images[index].mean()),
            "image_std": float(images[index].std()),
            "image_minimum": int(images[index].min()),
            "image_maximum": int(images[index].max()),
        }
        for name, chosen in splits.items()
        for index in chosen
    ]
    buffer = io.BytesIO()
    pd.DataFrame(rows).to_parquet(buffer, index=False)
    return store.put_bytes(buffer.getvalue(), SamplesRef)
