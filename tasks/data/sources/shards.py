"""Writing a data set: shards of a split as they fill, and one table of samples over all splits."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from featherline.tasks.contracts.dataset import Profile, Shape, Shard, Split, SplitName
from featherline.tasks.contracts.references import SamplesRef
from featherline.tasks.data.dataset import Examples
from featherline.tasks.store.artifacts import Store

LARGEST_SHARD_BYTES = 32 * 2**20
"""Large examples come fewer to a shard, so that four half-full shards and their copies stay far below 1 GiB."""

BLOCK_BYTES = 4 * 2**20
"""Values at a time for squares, which need four times the memory."""

OWN_COLUMNS = {"split": pa.string(), "stratum": pa.int64(), "sha256": pa.string()}
"""Of the samples, before what each input's modality counts of it."""

ARROW = {"int64": pa.int64(), "float64": pa.float64()}


class Profiled(Protocol):
    """What a modality counts of each example, for the data gate."""

    columns: Mapping[str, str]
    """Their names, and `int64` or `float64`."""

    def profile(self, examples: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Return (n,) numbers for each column, of (n, …) examples as they are stored."""


class Layout(Protocol):
    """How one example of an input lies in a shard."""

    @property
    def shape(self) -> Shape:
        """Return the shape of one example."""

    @property
    def dtype(self) -> str:
        """Return its kind of number, of NumPy."""


class SamplesWriter:
    """The samples table, written row group by row group into a file of this machine. Values are not scaled."""

    def __init__(self, path: Path, inputs: Mapping[str, Profiled]) -> None:
        """Write to `path` a row for each example, with the columns of each input under its name."""
        self.path, self._inputs = path, inputs
        columns = [
            (f"{name}_{column}", ARROW[kind]) for name, of in inputs.items() for column, kind in of.columns.items()
        ]
        self._schema = pa.schema([*OWN_COLUMNS.items(), *columns])
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._writer.close()

    def add(self, split: SplitName, examples: Examples, strata: NDArray[np.int64]) -> None:
        """Append a row for each example."""
        columns: dict[str, Any] = {
            "split": [split] * len(strata),
            "stratum": strata,
            "sha256": [_digest(examples, row) for row in range(len(strata))],
        }
        for name, of in self._inputs.items():
            counted = of.profile(examples[name])
            columns |= {f"{name}_{column}": counted[column] for column in of.columns}
        self._writer.write_table(pa.table(columns, schema=self._schema))

    def put(self, store: Store) -> SamplesRef:
        """Store the table; nothing can be added any more."""
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
        size = sum(int(np.prod(of.shape)) * np.dtype(of.dtype).itemsize for of in inputs.values())
        capacity = max(1, min(shard_size, LARGEST_SHARD_BYTES // size))
        self._examples = {name: np.empty((capacity, *of.shape), of.dtype) for name, of in inputs.items()}
        self._targets = np.empty((capacity, *targets.shape[1:]), targets.dtype)
        self._strata = np.empty(capacity, np.int64)
        self._filled = 0
        self._shards: list[Shard] = []
        self._counts = np.zeros(strata, np.int64)
        self._sums = {name: np.zeros((2, of.shape[-1]), np.float64) for name, of in inputs.items()}

    def add(self, example: Mapping[str, NDArray[Any]], target: Any, stratum: int) -> bool:  # noqa: ANN401 - of an array
        """Append an example. Returns whether it filled a shard, which is then in the store."""
        for name, values in example.items():
            self._examples[name][self._filled] = values
        self._targets[self._filled] = target
        self._strata[self._filled] = stratum
        self._filled += 1
        if self._filled < len(self._strata):
            return False
        self._flush()
        return True

    def finish(self, scales: Mapping[str, float]) -> Split:
        """Store the last shard and return the split, the profile of each input that of value / its scale."""
        if self._filled:
            self._flush()
        return Split(
            shards=tuple(self._shards),
            count=self.count,
            strata=tuple(self._counts.tolist()),
            profiles={name: self._profile(name, scales[name]) for name in self._examples},
        )

    def _profile(self, name: str, scale: float) -> Profile:
        values = max(1, self.count) * int(np.prod(self._examples[name].shape[1:-1]))
        total, squares = self._sums[name]
        mean = total / values
        variance = np.maximum(squares / values - mean**2, 0)
        return Profile(mean=tuple((mean / scale).tolist()), std=tuple((np.sqrt(variance) / scale).tolist()))

    def _flush(self) -> None:
        examples = {name: values[: self._filled] for name, values in self._examples.items()}
        targets, strata = self._targets[: self._filled], self._strata[: self._filled]
        stored = {name: self._store.put_array(values) for name, values in examples.items()}
        self._shards.append(Shard(examples=stored, targets=self._store.put_array(targets), count=len(targets)))
        self._samples.add(self.name, examples, strata)
        self._counts += np.bincount(strata, minlength=len(self._counts))
        for name, values in examples.items():
            for part in blocks(values):
                axes = tuple(range(part.ndim - 1))
                exact = np.uint64 if part.dtype.kind == "u" else np.float64
                self._sums[name] += [part.sum(axis=axes, dtype=exact), squares(part).sum(axis=axes, dtype=exact)]
        self.count += len(targets)
        self._filled = 0


def blocks(values: NDArray[Any]) -> list[NDArray[Any]]:
    """Return examples (n, …) some at a time."""
    rows = max(1, BLOCK_BYTES // values[0].nbytes)
    return [values[start : start + rows] for start in range(0, len(values), rows)]


def squares(values: NDArray[Any]) -> NDArray[Any]:
    """Return the squares, those of bytes exact."""
    squared: NDArray[Any] = np.square(values, dtype=np.uint32 if values.dtype == np.uint8 else np.float64)
    return squared


def _digest(examples: Examples, row: int) -> str:
    """Return the digest of one example: of the bytes of its inputs, in the order of their names."""
    return hashlib.sha256(b"".join(examples[name][row].tobytes() for name in sorted(examples))).hexdigest()
