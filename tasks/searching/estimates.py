"""What a network will take as an int8 file and in a device's memory, from its Keras graph, before it is trained.

    graph ──► operators (batch normalisation and ReLU fold into the convolution before) ──► bytes of file, bytes of RAM

The constants were fitted to networks of the zoo that were really converted to int8, packed, and loaded into TensorFlow
Lite Micro.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from tasks.framework import keras

LAYERS = keras.layers
FOLDED = (
    LAYERS.BatchNormalization,
    LAYERS.ReLU,
    LAYERS.Activation,
    LAYERS.Dropout,
    LAYERS.InputLayer,
    LAYERS.Flatten,
    LAYERS.Reshape,
)
"""Layers that become no operator of their own, or one that gives its input's memory another shape."""

WEIGHTED = (LAYERS.Conv2D, LAYERS.DepthwiseConv2D, LAYERS.Dense)

CHANNEL_BYTES, ZERO_POINT_BYTES, BIAS_BYTES, OPERATOR_BYTES, FILE_BYTES = 12, 8, 4, 590, 1400
"""Of the file: scales and bias of a channel, its zero point, a bias, an operator with weights, everything else."""

ARENA_CHANNEL_BYTES, ARENA_OPERATOR_BYTES, ARENA_BYTES = 8, 222, 700
"""Of the arena: multiplier and shift of a channel, an operator, everything else."""

ALIGNMENT = 16


@dataclass(frozen=True)
class Operator:
    """An operator after folding.

    Attributes:
        layer: The Keras layer.
        inputs: Its inputs, as positions in the list of operators; -1 is the image.
        output_bytes: What it gives for one image, int8.
    """

    layer: Any
    inputs: tuple[int, ...]
    output_bytes: int


def operators(model: Any) -> list[Operator]:  # noqa: ANN401 - tf_keras has no types
    """Return the operators in the order in which they run. A nested model counts as one operator."""
    found: list[Operator] = []
    place: dict[int, int] = {}
    for depth in sorted(model._nodes_by_depth, reverse=True):  # noqa: SLF001 - the order in which Keras runs them
        for node in model._nodes_by_depth[depth]:  # noqa: SLF001
            sources = tuple(dict.fromkeys(place[id(tensor)] for tensor in node.keras_inputs)) or (-1,)
            if isinstance(node.layer, FOLDED):
                place[id(node.outputs)] = sources[0]
            else:
                found.append(Operator(node.layer, sources, prod(node.output_shapes[1:])))
                place[id(node.outputs)] = len(found) - 1
    return found


def int8_bytes(model: Any) -> int:  # noqa: ANN401
    """Estimate the int8 file: a byte a weight, what quantization keeps for each channel, and the operators' own bytes.

    A convolution has a scale for each channel, a dense layer one for all; zero points of equal length are written once.
    Within 5 % of the packed file for networks of the zoo.
    """
    weights = sum(prod(weight.shape) for weight in model.weights if "kernel" in weight.name.split("/")[-1])
    layers = [run.layer for run in operators(model) if isinstance(run.layer, WEIGHTED)]
    widths = [int(layer.output_shape[-1]) for layer in layers if not isinstance(layer, LAYERS.Dense)]
    units = sum(int(layer.output_shape[-1]) for layer in layers if isinstance(layer, LAYERS.Dense))
    quantization = CHANNEL_BYTES * sum(widths) + ZERO_POINT_BYTES * sum(set(widths)) + BIAS_BYTES * units
    return int(weights + quantization + OPERATOR_BYTES * len(layers) + FILE_BYTES)


def peak_ram_bytes(model: Any) -> int:  # noqa: ANN401
    """Estimate the arena that TensorFlow Lite Micro needs for the int8 file.

    Its planner places tensors by falling size, of equals the later first, each at the lowest place that is free while
    it lives; the fixed part grows with operators and channels. Within 5 % of what it records for networks of the zoo.

    Source: https://github.com/tensorflow/tflite-micro/blob/main/tensorflow/lite/micro/memory_planner/greedy_memory_planner.cc
    """
    run = operators(model)
    last = {source: step for step, operator in enumerate(run) for source in operator.inputs}
    sizes = [prod(model.input_shape[1:]), *(operator.output_bytes for operator in run)]
    tensors = [
        (-(-size // ALIGNMENT) * ALIGNMENT, place, last.get(place, place)) for place, size in enumerate(sizes, -1)
    ]
    placed: list[tuple[int, int, int, int]] = []
    for size, first, until in sorted(tensors, key=lambda tensor: (-tensor[0], -tensor[1])):
        start = 0
        for other, room, born, dies in sorted(placed):
            if born <= until and dies >= first:
                if start + size <= other:
                    break
                start = max(start, other + room)
        placed.append((start, size, first, until))
    channels = sum(int(item.layer.output_shape[-1]) for item in run if isinstance(item.layer, WEIGHTED))
    fixed = ARENA_BYTES + ARENA_OPERATOR_BYTES * len(run) + ARENA_CHANNEL_BYTES * channels
    return int(max(start + size for start, size, _, _ in placed) + fixed)
