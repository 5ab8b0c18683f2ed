"""A shard of encoded examples: one file of their bytes, and before them where each ends.

    magic, 8 bytes │ count, uint64 │ ends, count x uint64, from the first byte of the first example on │ the examples

Numbers are little-endian. Nothing that it says of itself is believed before its size was seen.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MAGIC = b"\x93EXAMPL\x01"
COUNT_BYTES = END_BYTES = 8
ENDS_AT = len(MAGIC) + COUNT_BYTES
END = np.dtype("<u8")


def join(examples: Sequence[bytes]) -> bytes:
    """Return the file of these examples."""
    ends = np.cumsum([len(example) for example in examples], dtype=END)
    return b"".join((MAGIC, len(examples).to_bytes(COUNT_BYTES, "little"), ends.tobytes(), *examples))


def head_bytes(count: int) -> int:
    """Return the bytes before the first of so many examples."""
    return ENDS_AT + count * END_BYTES


def bounds(head: bytes, count: int, size: int) -> NDArray[np.int64]:
    """Return where the examples lie in their file: (count + 1,), each from one number to the next.

    Args:
        head: The first `head_bytes` of the file, or all of it.
        count: Of the examples that it should have.
        size: Of the whole file, in bytes.

    Raises:
        ValueError: It is none of so many examples, or not of this size.
    """
    if head[: len(MAGIC)] != MAGIC or len(head) < head_bytes(count):
        raise ValueError("no shard of encoded examples")
    said = int.from_bytes(head[len(MAGIC) : ENDS_AT], "little")
    ends = np.frombuffer(head, END, count, ENDS_AT)
    follows = size - head_bytes(count)
    rising = bool((ends[1:] >= ends[:-1]).all())
    if said != count or not rising or (int(ends[-1]) if count else 0) != follows:
        raise ValueError(f"ends of {said} examples that do not fit the {follows} bytes after them")
    found: NDArray[np.int64] = np.concatenate([[0], ends.astype(np.int64)]) + head_bytes(count)
    return found
