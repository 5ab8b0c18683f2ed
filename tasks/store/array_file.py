"""Arrays of numbers as `.npy`, read without trust: no objects, and no memory for what a header only says."""

from __future__ import annotations

import io
import math
import tokenize
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

NUMBERS = "biuf"
"""Kinds of NumPy's: Booleans, integers, floats."""
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
UNREADABLE = (ValueError, KeyError, TypeError, SyntaxError, RecursionError, EOFError, tokenize.TokenError)
HEAD_BYTES = 2**16
"""More than any header of `numpy.save` takes; what says of itself that it is longer is none."""


@dataclass(frozen=True)
class Layout:
    """How an array lies in its file.

    Attributes:
        shape: Of the array.
        dtype: Of its numbers.
        in_rows: Whether the last axis runs fastest, so that each `array[i]` lies in one piece.
        starts_at: Bytes before the first number.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    in_rows: bool
    starts_at: int


def layout(head: bytes, size: int) -> Layout:
    """Return how the array of a `.npy` file lies in it.

    Args:
        head: The first `HEAD_BYTES` of the file, or all of it.
        size: Of the whole file, in bytes.

    Raises:
        ValueError: It is none, or not one of numbers, or its header is of another size than what follows.
    """
    file = io.BytesIO(head[:HEAD_BYTES])
    try:
        shape, fortran, kind = HEADERS[np.lib.format.read_magic(file)](file)
        follows = size - file.tell()
        if kind.kind in NUMBERS and min(shape, default=0) >= 0 and math.prod(shape) * kind.itemsize == follows:
            return Layout(shape, kind, not fortran, file.tell())
    except UNREADABLE as error:
        raise ValueError(f"{type(error).__name__} where its header is read") from error
    raise ValueError(f"a header that says {shape} of {kind}, before {follows} bytes")


def read_npy(data: bytes) -> NDArray[Any]:
    """Return the array of a `.npy` file. Raises `ValueError` as `layout` does."""
    layout(data, len(data))
    array: NDArray[Any] = np.load(io.BytesIO(data), allow_pickle=False)
    return array
