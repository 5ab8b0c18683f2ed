"""What a network will take as an int8 file and in a device's memory, from its Keras graph, before it is trained.

    graph ──► operators (batch normalisation and ReLU fold into the convolution before) ──► bytes of file, bytes of RAM

The constants were fitted to networks of the zoo that were really converted to int8, packed, and loaded into TensorFlow
Lite Micro.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from featherline.tasks.networks.framework import KerasLayer, KerasModel, Tensor, keras, tf
from featherline.tasks.networks.layer_kinds.counts import ZERO_POINT_BYTES, Kernel
from featherline.tasks.networks.layer_kinds.table import kernels_of, kind_behind

FILE_BYTES = 1400
"""Of the int8 file, beside its operators."""

ARENA_CHANNEL_BYTES, ARENA_OPERATOR_BYTES, ARENA_BYTES = 8, 222, 700
"""Of the arena: multiplier and shift of a channel, an operator, everything else."""

ALIGNMENT = 16


@dataclass(frozen=True)
class Operator:
    """An operator after folding.

    Attributes:
        layer: The Keras layer.
        inputs: Its inputs, as positions in the list of operators; -1 is the example's first input, -2 its second.
        read: Channels that the layer reads.
        shape: Of what it gives for one example, channels last.
        kernel: Its weights, where it has any.
    """

    layer: KerasLayer
    inputs: tuple[int, ...]
    read: int
    shape: tuple[int, ...]
    kernel: Kernel | None = None

    @property
    def output_bytes(self) -> int:
        """Return what it gives for one example, int8."""
        return prod(self.shape)


def operators(model: KerasModel) -> list[Operator]:
    """Return the operators in the order in which they run, those of models inside the model too."""
    found: list[Operator] = []
    _follow(model, [-1 - place for place in range(len(model.inputs))], found)
    return found


def _follow(model: KerasModel, given: list[int], found: list[Operator]) -> list[int]:
    """Add the operators of a model whose inputs come from these operators; return those that its outputs come from."""
    place = {id(tensor): source for tensor, source in zip(model.inputs, given, strict=True)}
    for depth in sorted(model._nodes_by_depth, reverse=True):  # noqa: SLF001 - the order in which Keras runs them
        for node in model._nodes_by_depth[depth]:  # noqa: SLF001
            if node.is_input:
                continue
            sources = [place[id(tensor)] for tensor in node.keras_inputs]
            outputs = tf.nest.flatten(node.outputs)
            if isinstance(node.layer, keras.Model):
                ends = _follow(node.layer, sources, found)
            elif (kind := kind_behind(node.layer)) is not None and kind.folds:
                ends = sources[:1] * len(outputs)
            else:
                found.extend(_made_of(node, tuple(dict.fromkeys(sources)), len(found)))
                ends = [len(found) - 1] * len(outputs)
            place.update(zip((id(tensor) for tensor in outputs), ends, strict=True))
    return [place[id(tensor)] for tensor in model.outputs]


def _made_of(node: Any, sources: tuple[int, ...], number: int) -> list[Operator]:  # noqa: ANN401
    """Return what the converter makes of one call of a layer, the first of which gets this number."""
    read, shape = int(node.keras_inputs[0].shape[-1]), tuple(tf.nest.flatten(node.outputs)[0].shape[1:])
    made: list[Operator] = []
    for kernel in kernels_of(node.layer):
        given = int(kernel.outputs.of(read, shape[-1]))
        made.append(Operator(node.layer, sources, read, (*shape[:-1], given), kernel))
        sources = (number + len(made) - 1,)
    return made or [Operator(node.layer, sources, read, shape)]


def int8_bytes(model: KerasModel) -> int:
    """Estimate the int8 file: a byte a weight, what quantization keeps for each channel, and the operators' own bytes.

    A convolution has a scale for each channel, a dense layer one for all; zero points of equal length are written once.
    Within 5 % of the packed file for networks of the zoo.
    """
    total, lengths = float(FILE_BYTES), set()
    for run in operators(model):
        if run.kernel is None:
            continue
        total += sum(term.of(run.read, run.shape[-1]) for term in run.kernel.int8_terms)
        if run.kernel.by_channel:
            lengths.add(run.shape[-1])
    return round(total + ZERO_POINT_BYTES * sum(lengths))


def peak_ram_bytes(model: KerasModel) -> int:
    """Estimate the arena that TensorFlow Lite Micro needs for the int8 file.

    Its planner places tensors by falling size, of equals the later first, each at the lowest place that is free while
    it lives; the fixed part grows with operators and channels. Within 5 % of what it records for networks of the zoo.

    Source: https://github.com/tensorflow/tflite-micro/blob/main/tensorflow/lite/micro/memory_planner/greedy_memory_planner.cc
    """
    run = operators(model)
    last = {source: step for step, operator in enumerate(run) for source in operator.inputs}
    sizes = {-1 - place: _input_bytes(tensor) for place, tensor in enumerate(model.inputs)}
    sizes |= {place: operator.output_bytes for place, operator in enumerate(run)}
    tensors = [
        (-(-size // ALIGNMENT) * ALIGNMENT, place, last.get(place, place)) for place, size in sorted(sizes.items())
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
    channels = sum(item.shape[-1] for item in run if item.kernel is not None)
    fixed = ARENA_BYTES + ARENA_OPERATOR_BYTES * len(run) + ARENA_CHANNEL_BYTES * channels
    return int(max(start + size for start, size, _, _ in placed) + fixed)


def _input_bytes(tensor: Tensor) -> int:
    """Return what an input takes of one example: a byte a number that is rounded, whole numbers as they are."""
    return int(prod(tensor.shape[1:]) * (tensor.dtype.size if tensor.dtype.is_integer else 1))
