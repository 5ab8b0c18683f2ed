"""The multiply-accumulates of one inference, counted from the file. FLOPs are twice this."""

from __future__ import annotations

import math

from featherline.tasks.litert.graph import Graph, Operator, Tensor


def macs(graph: Graph) -> int:
    """Return the multiply-accumulates of all convolutions and dense layers of one inference.

    Elementwise operators, pooling and activations are not counted, as is the custom.
    """
    return sum(count for _, _, count in operator_macs(graph))


def operator_macs(graph: Graph) -> list[tuple[Operator, Tensor, int]]:
    """Return each operator with a kernel, the kernel as the file holds it, and the operator's multiply-accumulates."""
    return [(operator, kernel, _macs(graph, operator, kernel)) for operator, kernel in graph.kernels()]


def _macs(graph: Graph, operator: Operator, kernel: Tensor) -> int:
    given = math.prod(graph.tensors[operator.outputs[0]].shape)
    match operator.name:
        case "CONV_2D":  # kernel (out, height, width, in of the group)
            return given * math.prod(kernel.shape[1:])
        case "DEPTHWISE_CONV_2D":  # kernel (1, height, width, out)
            return given * math.prod(kernel.shape[1:3])
        case "TRANSPOSE_CONV":  # kernel (out, height, width, in), laid down at every place of the input
            taken = math.prod(graph.tensors[operator.inputs[2]].shape)
            return taken * math.prod(kernel.shape[:3])
        case "FULLY_CONNECTED":  # kernel (out, in)
            return given * kernel.shape[1]
        case _:
            raise ValueError(f"{operator.name} has a kernel and no count")
