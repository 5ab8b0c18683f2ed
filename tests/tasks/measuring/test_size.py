"""Entropy and compressed sizes."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
import zstandard

from featherline.tasks.litert.graph import Graph
from featherline.tasks.measuring import size


def test_entropy_of_a_fair_coin_is_a_bit() -> None:
    """A thousand equal values need nothing, a thousand fair coins a thousand bits, four values of one each eight."""
    assert size.entropy_bits(np.zeros(1000, np.int8)) == 0.0
    assert size.entropy_bits(np.arange(1000) % 2) == pytest.approx(1000)
    assert size.entropy_bits(np.arange(4)) == pytest.approx(8)


def test_entropy_is_summed_over_kernels(network: Graph) -> None:
    """A quarter of 72 weights differ (0.811 bits each), 36 are all different (5.170), 640 are equal: 30.6 bytes."""
    assert size.entropy_bytes(network) == 31


def test_compressed_sizes_are_those_of_the_tools() -> None:
    """What is counted opens again, and does not depend on the time."""
    data = bytes(range(256)) * 64

    assert size.gzip_bytes(data) == len(gzip.compress(data, 9, mtime=1))
    assert size.zstd_bytes(data) == len(zstandard.compress(data, 19))
