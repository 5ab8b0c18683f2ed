"""MACs, parameters, weights, operators, size and energy of networks that fit on a page."""

from __future__ import annotations

import dataclasses
import gzip

import numpy as np
import pytest
import zstandard

from featherline.tasks.litert.graph import Graph, Operator, Tensor
from featherline.tasks.measuring import energy, macs, operators, size, weights


def test_macs_are_outputs_times_kernel(network: Graph) -> None:
    """Convolution 64 * 18, depthwise 64 * 9, dense 10 * 64; the addition is not counted."""
    assert [count for _, _, count in macs.operator_macs(network)] == [1152, 576, 640]
    assert macs.macs(network) == 2368


def test_a_transposed_convolution_counts_its_input() -> None:
    """Each of 2x2 inputs of 3 channels lays down a 3x3 kernel of 5 channels: 12 * 45."""
    kernel = np.zeros((5, 3, 3, 3), np.float32)
    graph = Graph(
        tensors=(flat((1, 2, 2, 3)), flat(kernel.shape, kernel), flat((1, 4, 4, 5)), flat((4,), np.zeros(4, np.int32))),
        operators=(Operator("TRANSPOSE_CONV", (3, 1, 0), (2,)),),
        inputs=(0,),
        outputs=(2,),
        minimum_runtime=None,
    )

    assert macs.macs(graph) == 540


def test_parameters_are_kernels_and_biases(network: Graph) -> None:
    """72 + 4 + 36 + 640."""
    assert weights.parameters(network) == 752


def test_zeros_are_at_the_zero_point(network: Graph) -> None:
    """18 of 72 convolution weights are at their zero point 7, one of 36 depthwise ones is 0, of 748 in all."""
    assert weights.sparsity(network) == pytest.approx(19 / 748)


def test_zero_points_that_differ_are_not_guessed_at() -> None:
    """A tensor whose channels have different zero points raises instead of counting wrong."""
    odd = dataclasses.replace(flat((2,), np.zeros(2, np.int8)), zero_point=np.array([0, 1]))

    with pytest.raises(ValueError, match="differ"):
        weights.zeros(odd)


def test_most_distinct_weights_of_a_kernel(network: Graph) -> None:
    """The depthwise kernel has 36 different weights, the others two and one."""
    assert weights.distinct_weights(network) == 36


def test_a_network_without_kernels_has_no_weights() -> None:
    """Sparsity, distinct weights, MACs and entropy of a lone activation are zero."""
    graph = Graph((flat((1, 4)), flat((1, 4))), (Operator("RELU", (0,), (1,)),), (0,), (1,), None)

    assert weights.sparsity(graph) == 0.0
    assert (weights.distinct_weights(graph), macs.macs(graph), size.entropy_bytes(graph)) == (0, 0, 0)


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


def test_census_counts_by_name(network: Graph) -> None:
    """Each operator is counted under its name in the schema."""
    assert operators.census(network) == {"ADD": 1, "CONV_2D": 1, "DEPTHWISE_CONV_2D": 1, "FULLY_CONNECTED": 1}


def test_an_integer_network_has_no_float_operator(network: Graph) -> None:
    """int8 with int32 biases counts as integer; an operator with one float operand does not."""
    floats = dataclasses.replace(network.tensors[8], dtype=np.dtype(np.float32))
    mixed = dataclasses.replace(network, tensors=(*network.tensors[:8], floats))

    assert operators.float_operators(network) == []
    assert operators.float_operators(mixed) == ["FULLY_CONNECTED"]


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


def flat(shape: tuple[int, ...], constant: np.ndarray | None = None) -> Tensor:
    """Return a float32 tensor, or a constant of its own type, not quantized."""
    dtype = np.dtype(np.float32) if constant is None else constant.dtype
    return Tensor("", shape, dtype, constant, np.zeros(0, np.float32), np.zeros(0, np.int64))
