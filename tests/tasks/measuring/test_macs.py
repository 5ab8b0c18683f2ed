"""MACs of networks that fit on a page."""

from __future__ import annotations

import numpy as np

from featherline.tasks.litert.graph import Graph, Operator
from featherline.tasks.measuring import macs
from tests.tasks.measuring.conftest import flat


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
