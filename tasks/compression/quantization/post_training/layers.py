"""The layers of a float `.tflite` file whose weights can be rounded each in its own way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from featherline.tasks.litert.graph import KERNELS, Graph, Operator, read_graph

INT4_OPERATORS = ("CONV_2D", "FULLY_CONNECTED")
"""Those that litert-quantizer 0.11.0 gives int4 weights; a depthwise convolution stays int8."""

ONE_STEP = ("FULLY_CONNECTED",)
"""Those whose int4 weights share one step: TensorFlow Lite Micro has no int4 dense layer with a step a channel."""

MARKS = ("Conv2D", "depthwise", "MatMul", "conv2d_transpose")
"""What the converter calls the part of a fused name that holds the kernel."""


@dataclass(frozen=True)
class Layer:
    """An operator with a kernel.

    Attributes:
        scope: Name of the tensor that it gives, by which litert-quantizer knows it.
        name: Of the layer of the model, for people.
        operator: As in the schema.
        weights: Of the kernel.
    """

    scope: str
    name: str
    operator: str
    weights: int


def layers(file: bytes) -> list[Layer]:
    """Return the layers of a float file that still has the names of its tensors, in the order in which they run."""
    graph = read_graph(file)
    return [
        Layer(
            graph.tensors[operator.outputs[0]].name,
            name_of(graph, operator),
            operator.name,
            int(np.prod(kernel.shape, dtype=np.int64)),
        )
        for operator, kernel in graph.kernels()
    ]


def name_of(graph: Graph, operator: Operator) -> str:
    """Return the model's own name of an operator, such as `conv2d_3`, as far as the converter kept it."""
    kernel = graph.operand(operator, KERNELS.get(operator.name, -1))
    names = [graph.tensors[operator.outputs[0]].name, *([] if kernel is None else [kernel.name])]
    parts = [part for name in names for part in name.split(";") if part]
    marked = [part for part in parts if any(mark in part.rpartition("/")[2] for mark in MARKS)]
    words = (marked or parts or [operator.name])[0].split("/")
    return words[-2] if len(words) > 1 else words[0]
