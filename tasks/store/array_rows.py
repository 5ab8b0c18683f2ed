"""Arrays that are too large to be held: `.npy` files, written and read some rows at a time.

    rows, block by block ──► write_rows ──► file.npy ──► ArrayRows ──► rows of a slice

The file is the very one that `np.save` writes of the whole array. It is read by position and not mapped, because mapped
pages count to the memory of a process.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.store.array_file import HEAD_BYTES, layout

BLOCK_BYTES = 16 * 2**20
"""Of one block of rows: large enough that reading it costs no more than its bytes do."""


def rows_of(shape: tuple[int, ...], itemsize: int, most_bytes: int = BLOCK_BYTES) -> int:
    """Return how many rows of a shape, the first size left out, are at most so many bytes; at least 1."""
    return max(1, most_bytes // max(1, math.prod(shape) * itemsize))


class RowsWriter:
    """Writes an array whose rows come in blocks, as `np.save` would write all of it at once.

    Attributes:
        path: Of the file.
        count: Rows of all blocks together.
    """

    def __init__(self, path: Path, count: int) -> None:
        """Begin the file; the first block says what a row is."""
        self.path, self.count = path, count
        self._file = path.open("wb")
        self._kind: tuple[tuple[int, ...], np.dtype[Any]] | None = None
        self._written = 0

    def write(self, block: NDArray[Any]) -> None:
        """Write rows behind those that are there, (n, …).

        Raises:
            ValueError: They are of another shape or type.
        """
        kind = block.shape[1:], block.dtype
        if self._kind is None:
            self._kind = kind
            descr = np.lib.format.dtype_to_descr(block.dtype)
            header = {"descr": descr, "fortran_order": False, "shape": (self.count, *block.shape[1:])}
            np.lib.format.write_array_header_1_0(self._file, header)
        if kind != self._kind:
            raise ValueError(f"rows {kind} after {self._kind}")
        if block.size:
            self._file.write(np.ascontiguousarray(block).data.cast("B"))
        self._written += len(block)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End the file.

        Raises:
            ValueError: It has not the rows that were said.
        """
        self._file.close()
        if error is None and (self._kind is None or self._written != self.count):
            raise ValueError(f"{self._written} rows, {self.count} were said")


def write_rows(path: Path, count: int, blocks: Iterable[NDArray[Any]]) -> None:
    """Write an array whose rows come in blocks, as `RowsWriter` does."""
    with RowsWriter(path, count) as writer:
        for block in blocks:
            writer.write(block)


class ArrayRows:
    """The array of an opened `.npy` file, of which nothing is held. Several threads may read it at once.

    Attributes:
        shape: Of the whole array, at least one number.
        dtype: Of its values.
    """

    def __init__(self, file: FileIO) -> None:
        """Take the file, which is closed with this, and read its header.

        Raises:
            ValueError: It is no array of numbers by rows, or its header is of another size than what follows.
        """
        self._file = file
        found = layout(os.pread(file.fileno(), HEAD_BYTES, 0), os.fstat(file.fileno()).st_size)
        if not found.shape or not (found.in_rows or len(found.shape) == 1):
            raise ValueError(f"an array {found.shape} that does not lie row by row")
        self.shape, self.dtype, self._start = found.shape, found.dtype, found.starts_at

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        """Return the rows of a slice without a step."""
        start, stop, step = rows.indices(len(self))
        if step != 1:
            raise ValueError(f"rows in their order, not in steps of {step}")
        block = np.empty((max(0, stop - start), *self.shape[1:]), self.dtype)
        size = block.nbytes // max(1, len(block))
        left = block.data.cast("B") if block.nbytes else memoryview(b"")
        place = self._start + start * size
        while left:
            count = os.preadv(self._file.fileno(), [left], place)
            if count == 0:
                raise EOFError("the file ends before its array does: it was changed while it was read")
            left, place = left[count:], place + count
        return block

    def __iter__(self) -> Iterator[NDArray[Any]]:
        """Yield all rows in their order, block by block."""
        return (block for _, block in self.blocks())

    def blocks(self, most_bytes: int = BLOCK_BYTES) -> Iterator[tuple[slice, NDArray[Any]]]:
        """Yield all rows in their order, with their places, so many bytes at a time."""
        size = rows_of(self.shape[1:], self.dtype.itemsize, most_bytes)
        for start in range(0, len(self), size):
            rows = slice(start, min(start + size, len(self)))
            yield rows, self[rows]

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
