"""How large a file is: on the device, on its way there, and how small it could get."""

from __future__ import annotations

import gzip
from typing import Any

import numpy as np
import zstandard
from numpy.typing import NDArray

from featherline.tasks.litert.graph import Graph

GZIP_LEVEL = 9
ZSTD_LEVEL = 19


def gzip_bytes(data: bytes) -> int:
    """Return the bytes of the file after `gzip -9`, without a name or time."""
    return len(gzip.compress(data, GZIP_LEVEL, mtime=0))


def zstd_bytes(data: bytes) -> int:
    """Return the bytes of the file after `zstd -19`."""
    return len(zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(data))


def entropy_bits(values: NDArray[Any]) -> float:
    """Return the Shannon entropy of the values times their count: the bits that the best code of them needs.

    The code's own table is not counted.

    Source: Shannon 1948, section 9, https://doi.org/10.1002/j.1538-7305.1948.tb01338.x
    """
    _, counts = np.unique(values, return_counts=True)
    return float(-(counts * np.log2(counts / values.size)).sum()) + 0.0


def entropy_bytes(graph: Graph) -> int:
    """Return the Shannon bound of all weights, one code a tensor, rounded up."""
    constants = (tensor.constant for tensor in graph.weights())
    return int(np.ceil(sum(entropy_bits(one) for one in constants if one is not None) / 8))
