"""What one inference costs in energy, by a model of a 45 nm chip: to rank networks with, never a measurement.

    MACs x (multiply + add)  +  weights read once from DRAM  +  activations written and read once in SRAM

Sources: Horowitz 2014, Computing's energy problem, figure 1.1.9, https://doi.org/10.1109/ISSCC.2014.6757323; integer
costs by width as fitted to it in QKeras, https://github.com/google/qkeras/blob/master/qkeras/qtools/config_public.py
"""

from __future__ import annotations

import numpy as np

from featherline.tasks.litert.graph import Graph, Tensor
from featherline.tasks.measuring.macs import operator_macs

METHOD = "relative estimate: Horowitz 2014, 45 nm; weights from DRAM, activations in SRAM of the size of the peak RAM"

FLOAT_PJ = {16: (1.1, 0.4), 32: (3.7, 0.9)}
"""Multiply and add, by width in bits."""

DRAM_PJ_PER_BIT = 20.3125
"""1.3 nJ for 64 bits, the lower end of the source."""

SRAM_BYTES = (8 * 2**10, 32 * 2**10, 2**20)
SRAM_PJ_PER_64_BITS = (10.0, 20.0, 100.0)


def energy_uj(graph: Graph, peak_ram_bytes: int) -> float:
    """Return the estimate in microjoules.

    Args:
        graph: The network.
        peak_ram_bytes: The size of the SRAM, whose reads cost more the larger it is.
    """
    compute_pj = sum(
        count * sum(mac_pj(kernel, graph.tensors[operator.inputs[_data_input(operator.name)]]))
        for operator, kernel, count in operator_macs(graph)
    )
    weights_pj = sum(8 * tensor.size_bytes for tensor in graph.parameters()) * DRAM_PJ_PER_BIT
    traffic_bits = sum(
        8 * graph.tensors[place].size_bytes
        for operator in graph.operators
        for place in (*operator.inputs, *operator.outputs)
        if graph.computed(place)
    )
    return float(compute_pj + weights_pj + traffic_bits * sram_pj_per_bit(peak_ram_bytes)) / 1e6


def mac_pj(kernel: Tensor, data: Tensor) -> tuple[float, float]:
    """Return what one multiplication and one addition cost, in picojoules.

    Integer weights make the operator multiply integers of the wider of weights and data, and add in 32 bits; int4 ones
    are widened to int8 first, and float data is rounded to int8. Float weights are computed with at the width of the
    data: float16 ones are widened first.
    """
    if kernel.dtype.kind == "f":
        return FLOAT_PJ[8 * data.dtype.itemsize]
    bits = max(8 * kernel.dtype.itemsize, data.bits if data.dtype.kind == "i" else 0)
    return 0.002994791667 * bits**2 + 0.001041666667 * bits, 0.003125 * 32


def sram_pj_per_bit(size_bytes: int) -> float:
    """Return what reading a bit costs, between the sizes of the source along straight lines of logarithms."""
    logarithm = np.interp(np.log2(size_bytes), np.log2(SRAM_BYTES), np.log2(SRAM_PJ_PER_64_BITS))
    return float(2**logarithm / 64)


def _data_input(operator: str) -> int:
    return 2 if operator == "TRANSPOSE_CONV" else 0
