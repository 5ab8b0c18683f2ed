"""The estimate of energy."""

from __future__ import annotations

import numpy as np
import pytest

from featherline.tasks.litert.graph import Graph
from featherline.tasks.measuring import energy
from tests.tasks.measuring.conftest import flat


def test_sram_costs_what_the_source_says() -> None:
    """8 KiB, 32 KiB and 1 MiB cost 10, 20 and 100 pJ for 64 bits; smaller and larger ones as the ends."""
    costs = [64 * energy.sram_pj_per_bit(count) for count in (1, 8 * 1024, 32 * 1024, 2**20, 2**30)]

    assert costs == pytest.approx([10, 10, 20, 100, 100])


def test_an_int8_mac_costs_a_fraction_of_a_float_one() -> None:
    """0.2 pJ to multiply 8 bits and 0.1 to add 32, against 3.7 and 0.9."""
    image = flat((1, 4))

    assert energy.mac_pj(flat((3, 4), np.zeros((3, 4), np.int8)), image) == pytest.approx((0.2, 0.1))
    assert energy.mac_pj(flat((3, 4), np.zeros((3, 4), np.float16)), image) == (3.7, 0.9)


def test_energy_is_compute_weights_and_traffic(network: Graph) -> None:
    """2,368 MACs at 0.3 pJ, 764 bytes from DRAM, 586 bytes through 8 KiB of SRAM."""
    traffic_bytes = (128 + 64) + (64 + 64) + (64 + 64 + 64) + (64 + 10)
    expected_pj = 2368 * 0.3 + 8 * (72 + 16 + 36 + 640) * 20.3125 + 8 * traffic_bytes * 10 / 64

    assert energy.energy_uj(network, 8 * 1024) == pytest.approx(expected_pj / 1e6, rel=1e-6)
