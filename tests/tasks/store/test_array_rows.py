"""Arrays written and read some rows at a time."""

from __future__ import annotations

from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from featherline.tasks.store.array_rows import ArrayRows, rows_of, write_rows

ARRAY = np.arange(5 * 2 * 3, dtype=np.float32).reshape(5, 2, 3)


@pytest.mark.parametrize("array", [ARRAY, np.arange(7), np.array([True, False]), np.zeros((0, 4), np.int8)])
@pytest.mark.parametrize("size", [1, 2, 100])
def test_the_file_is_that_of_the_whole_array(tmp_path: Path, array: NDArray[Any], size: int) -> None:
    """Whatever the blocks, the bytes are those that NumPy writes of all rows at once."""
    np.save(tmp_path / "whole.npy", array)

    write_rows(
        tmp_path / "rows.npy", len(array), [array[start : start + size] for start in range(0, max(len(array), 1), size)]
    )

    assert (tmp_path / "rows.npy").read_bytes() == (tmp_path / "whole.npy").read_bytes()


def test_rows_are_read_where_they_lie(tmp_path: Path) -> None:
    """Any slice is that of the array, and all blocks together are the array, with the file unlinked meanwhile."""
    np.save(tmp_path / "array.npy", ARRAY)

    with ArrayRows(FileIO(tmp_path / "array.npy")) as rows:
        (tmp_path / "array.npy").unlink()
        blocks = list(rows.blocks(most_bytes=2 * ARRAY[0].nbytes))

        assert (rows.shape, rows.dtype, len(rows)) == (ARRAY.shape, ARRAY.dtype, 5)
        assert np.array_equal(rows[1:3], ARRAY[1:3])
        assert rows[5:].shape == (0, 2, 3)
        assert [(part.start, part.stop) for part, _ in blocks] == [(0, 2), (2, 4), (4, 5)]
        assert np.array_equal(np.concatenate([block for _, block in blocks]), ARRAY)
        with pytest.raises(ValueError, match="steps of 2"):
            _ = rows[::2]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no array", "ValueError"),
        (b"", "ValueError"),
        (
            b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (1000000,), }",
            "EOFError|ValueError",
        ),
    ],
)
def test_what_is_no_array_is_an_error(tmp_path: Path, content: bytes, said: str) -> None:
    """Bytes without a header, none at all, and a header that promises more than there is."""
    (tmp_path / "file").write_bytes(content)

    with FileIO(tmp_path / "file") as file, pytest.raises(ValueError, match=said):
        ArrayRows(file)


def test_a_shortened_file_and_one_by_columns_are_errors(tmp_path: Path) -> None:
    """A row is lacking; or the rows do not lie one after the other."""
    np.save(tmp_path / "whole.npy", ARRAY)
    (tmp_path / "short.npy").write_bytes((tmp_path / "whole.npy").read_bytes()[:-4])
    np.save(tmp_path / "columns.npy", np.asfortranarray(ARRAY[0]))

    for name in ("short.npy", "columns.npy"):
        with FileIO(tmp_path / name) as file, pytest.raises(ValueError, match=r"a header that says|row by row"):
            ArrayRows(file)


@pytest.mark.parametrize(
    "blocks", [[], [ARRAY[:4]], [ARRAY[:3], ARRAY[3:].astype(np.float64)], [ARRAY[:3], ARRAY[3:, :1]]]
)
def test_rows_that_are_not_those_that_were_said_are_an_error(tmp_path: Path, blocks: list[NDArray[Any]]) -> None:
    """None, too few, of another type, of another shape."""
    with pytest.raises(ValueError, match="rows"):
        write_rows(tmp_path / "rows.npy", 5, blocks)


def test_a_block_has_at_least_a_row() -> None:
    """Rows of 24 bytes: four in a hundred bytes, and one where not even one would fit."""
    assert (rows_of((2, 3), 4, 100), rows_of((2, 3), 4, 5), rows_of((0,), 4, 5)) == (4, 1, 5)
