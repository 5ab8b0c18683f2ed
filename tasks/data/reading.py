"""Reading a split piece by piece: any examples of it, in any order, in the memory that they take and no more.

    shards of the store ──► files of this machine, held open, digests checked once ──► [take] ──► examples, decoded
                                                                                   └─► [blocks]

Files are read by position. They are not mapped: mapped pages count as memory of the process that touched them.
`modalities.reading.open_split` opens a split with what decodes its inputs.
"""

from __future__ import annotations

import itertools
import os
import resource
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from featherline.tasks.contracts.dataset import Dataset, InputSpec, Shard, SplitName
from featherline.tasks.contracts.references import ArrayRef, EncodedRef
from featherline.tasks.data.dataset import Examples, Targets
from featherline.tasks.data.encoded_shard import bounds, head_bytes
from featherline.tasks.running.workers import MOST, cores
from featherline.tasks.store.array_file import HEAD_BYTES, layout
from featherline.tasks.store.artifacts import Store, not_of_this_kind

Decoder = Callable[[Sequence[bytes]], NDArray[Any]]
"""Gives examples, (k, …), of their files."""
DECODED_TOGETHER = 4
"""Files that one thread decodes at a time."""
MANY = 2
"""Parts of that size from which on threads are worth it."""
BLOCK_BYTES = 32 * 2**20
"""Of decoded examples that `blocks` gives at once."""
SPARE_FILES = 256
"""That a process may want to open beside the shards."""


class SplitReader:
    """The examples of one split, on disk, and its targets, in memory. Several threads may read at the same time.

    Attributes:
        targets: (n, …), of the whole split.
    """

    def __init__(self, store: Store, dataset: Dataset, split: SplitName, decoders: Mapping[str, Decoder]) -> None:
        """Open the shards of a split.

        Args:
            store: Has them.
            dataset: Whose split it is.
            split: Which.
            decoders: Of the inputs that are stored encoded.

        Raises:
            Damaged: One is gone, or does not hash to its reference.
            Refused: One is whole, and does not hold what the data set says.
        """
        shards = dataset.splits[split].shards
        self.targets: Targets = _targets(store, shards)
        self._specs = dataset.inputs
        self._ends = np.cumsum([shard.count for shard in shards], dtype=np.int64)
        self._decoders = decoders
        self._open = ExitStack()
        self._pool: ThreadPoolExecutor | None = None
        _make_room_for_files(len(shards) * len(dataset.inputs))
        with ExitStack() as until_all_are_open:
            self._shards = {
                name: [
                    until_all_are_open.enter_context(_opened(store, shard.examples[name], shard.count, spec))
                    for shard in shards
                ]
                for name, spec in dataset.inputs.items()
            }
            if decoders and len(shards) and cores() > 1:
                self._pool = until_all_are_open.enter_context(ThreadPoolExecutor(min(MOST, cores())))
            self._open = until_all_are_open.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the files. Nothing can be taken any more; the targets stay."""
        self._open.close()

    def __len__(self) -> int:
        """Return the number of examples."""
        return int(self._ends[-1]) if len(self._ends) else 0

    def take(self, indices: ArrayLike) -> Examples:
        """Return some of the examples: the inputs by name, each (k, …), in the order of `indices`.

        Args:
            indices: (k,) in 0 to n - 1, in any order, also several times the same.

        Raises:
            IndexError: One is no example of the split.
        """
        chosen = np.asarray(indices, np.int64).reshape(-1)
        if len(chosen) and not 0 <= chosen.min() <= chosen.max() < len(self):
            raise IndexError(f"examples {chosen.min()} to {chosen.max()} of a split of {len(self)}")
        order = np.argsort(chosen, kind="stable")
        places = np.searchsorted(self._ends, chosen[order], side="right")
        rows = chosen[order] - np.concatenate([[0], self._ends])[places]
        taken: Examples = {}
        for name, spec in self._specs.items():
            taken[name] = np.empty((len(chosen), *spec.shape), spec.dtype)
            files: list[tuple[int, bytes]] = []
            for place in np.unique(places).tolist():
                here = places == place
                shard = self._shards[name][place]
                if isinstance(shard, _ArrayShard):
                    shard.read(rows[here], order[here], taken[name])
                else:
                    files += zip(order[here].tolist(), map(shard.read, rows[here].tolist()), strict=True)
            self._decode(name, files, taken[name])
        return taken

    def _decode(self, name: str, files: list[tuple[int, bytes]], into: NDArray[Any]) -> None:
        """Decode files, each to its place, some at a time on every core."""
        some = [files[start : start + DECODED_TOGETHER] for start in range(0, len(files), DECODED_TOGETHER)]

        def decode(part: list[tuple[int, bytes]]) -> None:
            into[[place for place, _ in part]] = self._decoders[name]([data for _, data in part])

        for _ in (map if self._pool is None or len(some) < MANY else self._pool.map)(decode, some):
            pass

    def blocks(self, most_bytes: int = BLOCK_BYTES) -> Iterator[tuple[Examples, Targets]]:
        """Yield all examples in their order with their targets, some at a time.

        Args:
            most_bytes: Of the examples of one block, decoded; a block has one example at least.
        """
        size = sum(int(np.prod(spec.shape)) * np.dtype(spec.dtype).itemsize for spec in self._specs.values())
        rows = max(1, most_bytes // size)
        for start in range(0, len(self), rows):
            stop = min(start + rows, len(self))
            yield self.take(np.arange(start, stop)), self.targets[start:stop]


def _targets(store: Store, shards: Sequence[Shard]) -> Targets:
    """Return all targets, as many of each shard as it has examples."""
    parts = []
    for shard in shards:
        part = store.read_array(shard.targets)
        if part.ndim < 1 or len(part) != shard.count:
            raise not_of_this_kind(shard.targets, store.uri, f"{shard.count} targets", f"an array of {part.shape}")
        parts.append(part)
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def _opened(store: Store, ref: ArrayRef | EncodedRef, count: int, spec: InputSpec) -> _ArrayShard | _EncodedShard:
    """Open a shard of an input, and see that it is what the data set says."""
    if isinstance(ref, EncodedRef) is (spec.storage == "encoded"):
        return _EncodedShard(store, ref, count) if isinstance(ref, EncodedRef) else _ArrayShard(store, ref, count, spec)
    raise not_of_this_kind(ref, store.uri, f"a shard that is stored as the data set says: {spec.storage}", ref.kind)


class _Shard:
    """A file that is held open, and read by position."""

    _file: FileIO

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def _fill(self, buffer: memoryview, position: int) -> None:
        """Fill the whole buffer with the bytes from a position on."""
        while buffer:
            count = os.preadv(self._file.fileno(), [buffer], position)
            if not count:
                raise EOFError(f"a shard ends before byte {position}: it was changed while it was read")
            buffer, position = buffer[count:], position + count


class _EncodedShard(_Shard):
    """One shard of an input that lies there as files."""

    def __init__(self, store: Store, ref: EncodedRef, count: int) -> None:
        with ExitStack() as until_it_is_seen:
            self._file = until_it_is_seen.enter_context(store.open(ref))
            size = os.fstat(self._file.fileno()).st_size
            try:
                head = os.pread(self._file.fileno(), min(size, head_bytes(count)), 0)
                self._bounds = bounds(head, count, size)
            except ValueError as error:
                raise not_of_this_kind(ref, store.uri, f"{count} encoded examples", str(error)) from None
            until_it_is_seen.pop_all()

    def read(self, row: int) -> bytes:
        """Return the file of one example."""
        start, stop = int(self._bounds[row]), int(self._bounds[row + 1])
        data = bytearray(stop - start)
        self._fill(memoryview(data), start)
        return bytes(data)


class _ArrayShard(_Shard):
    """One shard of an input that lies there as an array."""

    def __init__(self, store: Store, ref: ArrayRef, count: int, spec: InputSpec) -> None:
        with ExitStack() as until_it_is_seen:
            self._file = until_it_is_seen.enter_context(store.open(ref))
            expected = f"{(count, *spec.shape)} of {spec.dtype} as `.npy`"
            try:
                found = layout(os.pread(self._file.fileno(), HEAD_BYTES, 0), os.fstat(self._file.fileno()).st_size)
                fits = found.shape == (count, *spec.shape) and found.dtype == np.dtype(spec.dtype) and found.in_rows
            except (ValueError, TypeError) as error:
                raise not_of_this_kind(ref, store.uri, expected, str(error)) from None
            if not fits:
                raise not_of_this_kind(ref, store.uri, expected, f"{found.shape} of {found.dtype}")
            self._starts_at = found.starts_at
            until_it_is_seen.pop_all()

    def read(self, rows: NDArray[np.int64], places: NDArray[np.intp], into: NDArray[Any]) -> None:
        """Read examples, each to its place.

        Args:
            rows: (k,) of the shard, sorted.
            places: (k,) of `into`.
            into: (n, …), in one piece.
        """
        size = into[0].nbytes
        if not size:
            return
        whole = memoryview(into).cast("B")  # type: ignore[arg-type] # any array is a buffer
        breaks = np.flatnonzero((np.diff(rows) != 1) | (np.diff(places) != 1)) + 1
        for start, stop in itertools.pairwise([0, *breaks.tolist(), len(rows)]):
            to = int(places[start]) * size
            self._fill(whole[to : to + (stop - start) * size], self._starts_at + int(rows[start]) * size)


def _make_room_for_files(count: int) -> None:
    """Let this process open so many files more than it may by its soft limit, where the hard one lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = count + SPARE_FILES + len(list(Path("/proc/self/fd").iterdir()))
    if soft != resource.RLIM_INFINITY and needed > soft:
        most = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
