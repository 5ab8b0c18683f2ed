"""Products and int8 bytes of one layer, by the channels that it reads and makes.

    Conv2D, Dense, Embedding, LSTM … ──► one kernel;  SeparableConv2D ──► two: depthwise, pointwise

Every count of a kernel is `factor x channels read x channels made`, either of which may be left out, so that it can be
summed for a network as it is, and as well for all its widths at once. The bytes of convolutions and dense layers were
fitted to converted networks; of other kinds the weights are counted and the rest is taken to be alike.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace
from math import prod
from typing import Any

from featherline.tasks.networks.framework import KerasLayer

Shape = tuple[int, ...]

CHANNEL_BYTES, ZERO_POINT_BYTES, BIAS_BYTES, OPERATOR_BYTES = 12, 8, 4, 590
"""Of the int8 file: scales and bias of a channel, its zero point, a bias, an operator with weights."""

INNER_OPERATOR_BYTES = 393
"""Of one within a layer: the depthwise one of a SeparableConv2D has no bias, and one name instead of several."""


@dataclass(frozen=True)
class Term:
    """A count that is `factor`, times the channels read where it `reads`, times the channels made where it `makes`."""

    factor: float
    reads: bool = False
    makes: bool = False

    def of(self, read: int, made: int) -> float:
        """Return the count for so many channels."""
        return self.factor * (read if self.reads else 1) * (made if self.makes else 1)


MADE = Term(1, makes=True)
MATRIX = Term(1, reads=True, makes=True)


@dataclass(frozen=True)
class Kernel:
    """The weights of an operator.

    Attributes:
        weights: How many, summed; without biases.
        outputs: Channels that the operator gives.
        by_channel: Whether each of them has a scale and a zero point of its own, as in a convolution; else one is for
            all, as in a dense layer.
        inner: Whether another one of the same layer follows, so that biases and what folds go there.
        has_bias: Whether the operator adds a bias.
    """

    weights: tuple[Term, ...]
    outputs: Term = MADE
    by_channel: bool = True
    inner: bool = False
    has_bias: bool = True

    @property
    def int8_terms(self) -> tuple[Term, ...]:
        """Return the bytes in an int8 file, but for the zero points: lists of equal length are written once a file."""
        each = CHANNEL_BYTES if self.by_channel else BIAS_BYTES
        each -= BIAS_BYTES if self.inner or not self.has_bias else 0
        channels = replace(self.outputs, factor=each * self.outputs.factor)
        return *self.weights, channels, Term(INNER_OPERATOR_BYTES if self.inner else OPERATOR_BYTES)


@dataclass(frozen=True)
class Call:
    """One call of a layer: the shapes, without the batch, of the first tensor that it reads and the first it makes.

    Attributes:
        layer: The layer.
        read: Channels last.
        made: Channels last.
        node: Keras' account of the call, which has all its tensors; None within another layer.
    """

    layer: KerasLayer
    read: Shape
    made: Shape
    node: Any = None

    def argument(self, name: str) -> Shape:
        """Return the shape of the tensor that the layer takes by this name, that of the first one where none is."""
        if self.node is None:
            return self.read
        bound = inspect.signature(self.layer.call).bind_partial(*self.node.call_args, **self.node.call_kwargs)
        return tuple(bound.arguments[name].shape[1:]) if name in bound.arguments else self.read

    def taken(self) -> list[Shape]:
        """Return the shapes of all tensors that it reads."""
        return [self.read] if self.node is None else [tuple(tensor.shape[1:]) for tensor in self.node.keras_inputs]


def places_made(call: Call) -> int:
    """Return the places of the output, at each of which a convolution or a dense layer multiplies."""
    return prod(call.made[:-1])


def places_read(call: Call) -> int:
    """Return the places of the input: those that a transposed convolution spreads, and the steps of a recurrent one."""
    return prod(call.read[:-1])


def nowhere(_call: Call) -> int:
    """Return 0: an embedding looks its rows up and multiplies nothing."""
    return 0


def no_kernels(_layer: KerasLayer) -> tuple[Kernel, ...]:
    """Return nothing: the layer multiplies by no weights."""
    return ()


def convolution(layer: KerasLayer) -> tuple[Kernel, ...]:
    """Return the kernel of a convolution, also of a transposed one, of any number of axes."""
    return (Kernel((Term(prod(layer.kernel_size) / layer.groups, reads=True, makes=True),)),)


def depthwise(layer: KerasLayer) -> tuple[Kernel, ...]:
    """Return the kernel of a depthwise convolution."""
    factor = layer.depth_multiplier
    return (Kernel((Term(prod(layer.kernel_size) * factor, reads=True),), Term(factor, reads=True)),)


def separable(layer: KerasLayer) -> tuple[Kernel, ...]:
    """Return both kernels of a separable convolution."""
    pointwise = Kernel((Term(layer.depth_multiplier, reads=True, makes=True),))
    return replace(depthwise(layer)[0], inner=True), pointwise


def dense(_layer: KerasLayer) -> tuple[Kernel, ...]:
    """Return the kernel of a dense layer."""
    return (Kernel((MATRIX,), by_channel=False),)


def whole_kernel(layer: KerasLayer) -> tuple[Kernel, ...]:
    """Return the kernel of a layer whose channels nobody follows, as so many weights."""
    return (Kernel((Term(prod(layer.kernel.shape)),), by_channel=False),)


def embedding(layer: KerasLayer) -> tuple[Kernel, ...]:
    """Return the table of an embedding, a row for each number that it may read."""
    return (Kernel((Term(layer.input_dim, makes=True),), by_channel=False, has_bias=False),)


def recurrent(layer: KerasLayer) -> tuple[Kernel, ...]:
    """Return the kernels of a recurrent layer: each gate multiplies what comes in, and the state before."""
    gates = layer.cell.kernel.shape[-1] // layer.units
    weights = (Term(gates * layer.units, reads=True), Term(gates * layer.units**2))
    return (Kernel(weights, Term(layer.units), by_channel=False),)


def attention_heads(layer: KerasLayer) -> tuple[Kernel, ...]:
    """Return the kernels of attention with heads: queries, keys, values, each (in, heads, numbers), and output."""
    *inner, last = [tuple(weight.shape) for weight in layer.weights if "kernel" in weight.name.split("/")[-1]]
    projections = (Kernel((Term(prod(shape)),), Term(prod(shape[1:])), by_channel=False) for shape in inner)
    return *projections, Kernel((Term(prod(last)),), by_channel=False)


def products_of_einsum(call: Call) -> int:
    """Return the products of an equation: for each number made, what the kernel sums over."""
    operands, made = call.layer.equation.split("->")
    labels = operands.split(",")[1]
    summed = [size for label, size in zip(labels, call.layer.kernel.shape, strict=True) if label not in made]
    return prod(call.made) * int(prod(summed))


def products_of_heads(call: Call) -> int:
    """Return the products of attention with heads: four projections, queries by keys, weights by values."""
    queries, keys = prod(call.argument("query")[:-1]), prod(call.argument("value")[:-1])
    total: int = 0
    for weight in call.layer.weights:
        if "kernel" in weight.name.split("/")[-1]:
            total += int(prod(weight.shape)) * (keys if weight.name.split("/")[-2] in {"key", "value"} else queries)
    settings = call.layer.get_config()
    each: int = settings["key_dim"] + (settings["value_dim"] or settings["key_dim"])
    return total + queries * keys * int(settings["num_heads"]) * each


def products_of_attention(call: Call) -> int:
    """Return the products of attention without weights, to each [query, value] or [query, value, key]."""
    queries, values = call.taken()[:2]
    return prod(queries[:-1]) * values[-2] * (queries[-1] + values[-1])


def products_of_dot(call: Call) -> int:
    """Return the products of the inner products of two tensors along an axis of each."""
    axes = call.layer.axes
    axis = axes if isinstance(axes, int) else axes[0]
    first = (1, *call.taken()[0])
    return prod(call.made) * int(first[axis])
