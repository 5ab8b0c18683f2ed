"""Writing a data set: shards of a split as they fill, and one table of samples over all splits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from featherline.tasks.contracts.dataset import Profile, Shape, Shard, Split, SplitName, Storage
from featherline.tasks.contracts.references import ArrayRef, EncodedRef, SamplesRef
from featherline.tasks.data.encoded_shard import join
from featherline.tasks.data.sources.decoding import Counted, Profiled, Whole
from featherline.tasks.store.artifacts import Store

LARGEST_SHARD_BYTES = 32 * 2**20
"""Large examples come fewer to a shard, so that four half-full shards and their copies stay far below 1 GiB."""

SAMPLES_AT_A_TIME = 4096
"""Rows of a split that are written together, however its shards fill."""

OWN_COLUMNS = {"split": pa.string(), "stratum": pa.int64(), "sha256": pa.string()}
"""Of the samples, before what each input's modality counts of it."""

ARROW = {"int64": pa.int64(), "float64": pa.float64()}


class Layout(Protocol):
    """How one example of an input lies in a shard."""

    @property
    def shape(self) -> Shape:
        """Return the shape of one example."""

    @property
    def dtype(self) -> str:
        """Return its kind of number, of NumPy."""

    @property
    def storage(self) -> Storage:
        """Return whether it is stored as it is, or as an encoded file."""

    @property
    def encoded_bytes(self) -> float | None:
        """Return what it takes as a file, by a sample; None of arrays."""


class SamplesWriter:
    """The samples table, written some rows at a time into a file of this machine. Values are not scaled."""

    def __init__(self, path: Path, inputs: Mapping[str, Profiled]) -> None:
        """Write to `path` a row for each example, with the columns of each input under its name."""
        self.path = path
        columns = [
            (f"{name}_{column}", ARROW[kind]) for name, of in inputs.items() for column, kind in of.columns.items()
        ]
        self._schema = pa.schema([*OWN_COLUMNS.items(), *columns])
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")
        self._waiting: dict[SplitName, list[pa.Table]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._writer.close()

    def add(self, split: SplitName, counted: Counted, strata: NDArray[np.int64]) -> None:
        """Append a row for each example."""
        columns = {"split": [split] * len(strata), "stratum": strata, "sha256": counted.sha256, **counted.columns}
        waiting = self._waiting.setdefault(split, [])
        waiting.append(pa.table(columns, schema=self._schema))
        if sum(table.num_rows for table in waiting) >= SAMPLES_AT_A_TIME:
            self.flush(split)

    def flush(self, split: SplitName) -> None:
        """Write the rows of a split that wait."""
        waiting = self._waiting.pop(split, [])
        if waiting:
            self._writer.write_table(pa.concat_tables(waiting).combine_chunks())

    def put(self, store: Store) -> SamplesRef:
        """Store the table; nothing can be added any more."""
        for split in list(self._waiting):
            self.flush(split)
        self._writer.close()
        return store.put_file(self.path, SamplesRef)


class SplitWriter:
    """One split: shards are stored as they fill, sums are kept for the statistics."""

    def __init__(
        self,
        name: SplitName,
        store: Store,
        samples: SamplesWriter,
        *,
        inputs: Mapping[str, Layout],
        targets: NDArray[Any],
        strata: int,
        shard_size: int,
    ) -> None:
        """Prepare an empty split.

        Args:
            name: Of the split.
            store: Gets the shards.
            samples: Gets a row for each example.
            inputs: How one example of each lies in a shard.
            targets: Such as will come, of whose shape and kind is what is written.
            strata: How many there are.
            shard_size: Examples a shard; fewer where they are large.
        """
        self.name = name
        self.count = 0
        self._store, self._samples = store, samples
        self._shapes = {name: of.shape for name, of in inputs.items()}
        arrays = {name: of for name, of in inputs.items() if of.storage == "array"}
        self._capacity = max(1, min(shard_size, LARGEST_SHARD_BYTES // max(1, example_bytes(arrays))))
        self._arrays = {name: np.empty((self._capacity, *of.shape), of.dtype) for name, of in arrays.items()}
        self._files: dict[str, list[bytes]] = {name: [] for name in inputs if name not in arrays}
        self._files_bytes = 0
        self._targets = np.empty((self._capacity, *targets.shape[1:]), targets.dtype)
        self._filled = 0
        self._shards: list[Shard] = []
        self._counts = np.zeros(strata, np.int64)
        self._sums = {name: np.zeros((2, of.shape[-1]), np.float64) for name, of in inputs.items()}

    def add(self, whole: Whole, targets: NDArray[Any], strata: NDArray[np.int64]) -> int:
        """Append examples. Returns how many shards they filled, which are then in the store."""
        stored_before = len(self._shards)
        self._samples.add(self.name, whole.counted, strata)
        self._counts += np.bincount(strata, minlength=len(self._counts))
        for name, sums in whole.counted.sums.items():
            one_after_the_other = np.concatenate([self._sums[name][np.newaxis], sums])
            self._sums[name] = one_after_the_other.sum(axis=0)
        start = 0
        while start < len(targets):
            count = min(len(targets) - start, self._capacity - self._filled)
            if self._files:
                count = self._add_files({name: whole.examples[name][start : start + count] for name in self._files})
            to = slice(self._filled, self._filled + count)
            for name, values in self._arrays.items():
                values[to] = whole.examples[name][start : start + count]
            self._targets[to] = targets[start : start + count]
            self._filled += count
            start += count
            if self._filled == self._capacity or self._files_bytes >= LARGEST_SHARD_BYTES:
                self._flush()
        return len(self._shards) - stored_before

    def _add_files(self, files: Mapping[str, NDArray[Any]]) -> int:
        """Take files, input by input, until there are enough bytes of them. Returns of how many examples."""
        count = 0
        for example in zip(*files.values(), strict=True):
            for name, data in zip(files, example, strict=True):
                self._files[name].append(data)
                self._files_bytes += len(data)
            count += 1
            if self._files_bytes >= LARGEST_SHARD_BYTES:
                break
        return count

    def finish(self, scales: Mapping[str, float]) -> Split:
        """Store the last shard and return the split, the profile of each input that of value / its scale."""
        if self._filled:
            self._flush()
        self._samples.flush(self.name)
        return Split(
            shards=tuple(self._shards),
            count=self.count,
            strata=tuple(self._counts.tolist()),
            profiles={name: self._profile(name, scales[name]) for name in self._shapes},
        )

    def _profile(self, name: str, scale: float) -> Profile:
        values = max(1, self.count) * int(np.prod(self._shapes[name][:-1]))
        total, squares = self._sums[name]
        mean = total / values
        variance = np.maximum(squares / values - mean**2, 0)
        return Profile(mean=tuple((mean / scale).tolist()), std=tuple((np.sqrt(variance) / scale).tolist()))

    def _flush(self) -> None:
        stored: dict[str, ArrayRef | EncodedRef] = {
            name: self._store.put_array(self._arrays[name][: self._filled])
            if name in self._arrays
            else self._store.put_bytes(join(self._files[name]), EncodedRef)
            for name in self._shapes
        }
        targets = self._store.put_array(self._targets[: self._filled])
        self._shards.append(Shard(examples=stored, targets=targets, count=self._filled))
        self.count += self._filled
        self._filled, self._files_bytes = 0, 0
        self._files = {name: [] for name in self._files}


def example_bytes(inputs: Mapping[str, Layout]) -> int:
    """Return what one example takes, decoded."""
    return sum(math.prod(of.shape) * np.dtype(of.dtype).itemsize for of in inputs.values())
