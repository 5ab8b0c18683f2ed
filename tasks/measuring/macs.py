"""The multiply-accumulates of one inference, counted from the file. FLOPs are twice this."""

from __future__ import annotations

import math

from featherline.tasks.litert.graph import KERNELS, RECURRENT, Graph, Operator, Tensor

OF_TWO = {"BATCH_MATMUL": 1, "CONV_3D": 1}
"""Operators that multiply and have no kernel of the usual kinds, with the input that their first is multiplied by."""


def macs(graph: Graph) -> int:
    """Return the multiply-accumulates of all matrix products of one inference.

    Those of convolutions, dense layers, products of two tensors (attention) and recurrent layers. Elementwise
    operators, pooling and activations are not counted, as is the custom.
    """
    return sum(count for _, _, count in operator_macs(graph))


def operator_macs(graph: Graph) -> list[tuple[Operator, Tensor, int]]:
    """Return each operator that multiplies, what it multiplies its input by, and its multiply-accumulates.

    What it multiplies by is a kernel as the file holds it, also where the file holds it narrower than it is computed
    with; of a product of two computed tensors the second one; of a recurrent operator the first of its matrices.
    """
    found = []
    for operator in graph.operators:
        if operator.name in RECURRENT:
            matrices = _matrices(graph, operator)
            found.append((operator, matrices[0], _of_steps(graph, operator, matrices)))
        elif operator.name in KERNELS or operator.name in OF_TWO:
            place = KERNELS.get(operator.name, OF_TWO.get(operator.name, 0))
            kernel = graph.operand(operator, place) or graph.tensors[operator.inputs[place]]
            found.append((operator, kernel, _macs(graph, operator, kernel)))
    return found


def _matrices(graph: Graph, operator: Operator) -> list[Tensor]:
    places = (place for place in RECURRENT[operator.name] if place < len(operator.inputs))
    present = (place for place in places if operator.inputs[place] >= 0)
    return [graph.operand(operator, place) or graph.tensors[operator.inputs[place]] for place in present]


def _of_steps(graph: Graph, operator: Operator, matrices: list[Tensor]) -> int:
    """Return the products of a recurrent operator: all its matrices at each step of what it reads."""
    steps = math.prod(graph.tensors[operator.inputs[0]].shape[:-1])
    return steps * sum(math.prod(matrix.shape) for matrix in matrices)


def _macs(graph: Graph, operator: Operator, kernel: Tensor) -> int:
    given = graph.tensors[operator.outputs[0]].shape
    match operator.name:
        case "CONV_2D":  # kernel (out, height, width, in of the group)
            return math.prod(given) * math.prod(kernel.shape[1:])
        case "DEPTHWISE_CONV_2D":  # kernel (1, height, width, out)
            return math.prod(given) * math.prod(kernel.shape[1:3])
        case "TRANSPOSE_CONV":  # kernel (out, height, width, in), laid down at every place of the input
            taken = math.prod(graph.tensors[operator.inputs[2]].shape)
            return taken * math.prod(kernel.shape[:3])
        case "CONV_3D":  # kernel (depth, height, width, in, out)
            return math.prod(given) * math.prod(kernel.shape[:4])
        case "FULLY_CONNECTED":  # kernel (out, in)
            return math.prod(given) * kernel.shape[1]
        case "BATCH_MATMUL":  # (…, rows, inner) by (…, inner, columns), either of which may be given turned
            rows_by_inner = math.prod(graph.tensors[operator.inputs[0]].shape[-2:])
            return math.prod(given[:-2]) * given[-1] * rows_by_inner
        case _:
            raise ValueError(f"{operator.name} has a kernel and no count")
