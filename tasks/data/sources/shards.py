"""Writing a data set: shards of a split as they fill, and one table of samples over all splits."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from featherline.tasks.contracts.dataset import ImageShape, Shard, Split, SplitName
from featherline.tasks.contracts.references import SamplesRef
from featherline.tasks.store.artifacts import Store

LARGEST_SHARD_BYTES = 32 * 2**20
"""Large images come fewer to a shard, so that four half-full shards and their copies stay far below 1 GiB."""

BLOCK_BYTES = 4 * 2**20
"""Pixels at a time for squares, which need four times the memory."""

SAMPLES_SCHEMA = pa.schema(
    [
        ("split", pa.string()),
        ("label", pa.int64()),
        ("sha256", pa.string()),
        ("mean", pa.float64()),
        ("std", pa.float64()),
        ("minimum", pa.int64()),
        ("maximum", pa.int64()),
    ]
)


class SamplesWriter:
    """The samples table, written row group by row group into a file of this machine. Pixels are not scaled."""

    def __init__(self, path: Path) -> None:
        """Write to `path`."""
        self.path = path
        self._writer = pq.ParquetWriter(path, SAMPLES_SCHEMA, compression="zstd")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._writer.close()

    def add(self, split: SplitName, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> None:
        """Append a row for each image (n, height, width, channels)."""
        flat = images.reshape(len(images), -1)
        mean = flat.sum(axis=1, dtype=np.uint64) / flat.shape[1]
        squares = np.concatenate([_squares(part).sum(axis=1, dtype=np.uint64) for part in _blocks(flat)])
        columns = {
            "split": [split] * len(labels),
            "label": labels,
            "sha256": [hashlib.sha256(image.tobytes()).hexdigest() for image in images],
            "mean": mean,
            "std": np.sqrt(np.maximum(squares / flat.shape[1] - mean**2, 0)),
            "minimum": flat.min(axis=1).astype(np.int64),
            "maximum": flat.max(axis=1).astype(np.int64),
        }
        self._writer.write_table(pa.table(columns, schema=SAMPLES_SCHEMA))

    def put(self, store: Store) -> SamplesRef:
        """Store the table; nothing can be added any more."""
        self._writer.close()
        return store.put_file(self.path, SamplesRef)


class SplitWriter:
    """One split: shards are stored as they fill, sums are kept for the statistics."""

    def __init__(
        self, name: SplitName, store: Store, samples: SamplesWriter, *, shape: ImageShape, classes: int, shard_size: int
    ) -> None:
        """Prepare an empty split of images of `shape`."""
        self.name = name
        self.count = 0
        self._store, self._samples = store, samples
        capacity = max(1, min(shard_size, LARGEST_SHARD_BYTES // int(np.prod(shape))))
        self._images = np.empty((capacity, *shape), np.uint8)
        self._labels = np.empty(capacity, np.int64)
        self._filled = 0
        self._shards: list[Shard] = []
        self._class_counts = np.zeros(classes, np.int64)
        self._sum = np.zeros(shape[2], np.float64)
        self._sum_of_squares = np.zeros(shape[2], np.float64)

    def add(self, image: NDArray[np.uint8], label: int) -> bool:
        """Append an image. Returns whether it filled a shard, which is then in the store."""
        self._images[self._filled] = image
        self._labels[self._filled] = label
        self._filled += 1
        if self._filled < len(self._images):
            return False
        self._flush()
        return True

    def finish(self, scale: float) -> Split:
        """Store the last shard and return the split, its statistics of pixel / `scale`."""
        if self._filled:
            self._flush()
        pixels = max(1, self.count) * self._images.shape[1] * self._images.shape[2]
        mean = self._sum / pixels
        variance = np.maximum(self._sum_of_squares / pixels - mean**2, 0)
        return Split(
            shards=tuple(self._shards),
            count=self.count,
            class_counts=tuple(self._class_counts.tolist()),
            pixel_mean=tuple((mean / scale).tolist()),
            pixel_std=tuple((np.sqrt(variance) / scale).tolist()),
        )

    def _flush(self) -> None:
        images, labels = self._images[: self._filled], self._labels[: self._filled]
        self._shards.append(
            Shard(images=self._store.put_array(images), labels=self._store.put_array(labels), count=len(labels))
        )
        self._samples.add(self.name, images, labels)
        self._class_counts += np.bincount(labels, minlength=len(self._class_counts))
        for part in _blocks(images):
            self._sum += part.sum(axis=(0, 1, 2), dtype=np.uint64)
            self._sum_of_squares += _squares(part).sum(axis=(0, 1, 2), dtype=np.uint64)
        self.count += len(labels)
        self._filled = 0


def _blocks(images: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    rows = max(1, BLOCK_BYTES // images[0].nbytes)
    return [images[start : start + rows] for start in range(0, len(images), rows)]


def _squares(pixels: NDArray[np.uint8]) -> NDArray[np.uint32]:
    squares: NDArray[np.uint32] = np.square(pixels, dtype=np.uint32)
    return squares
