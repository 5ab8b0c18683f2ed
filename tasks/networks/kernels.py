"""The operators with weights that the converter makes of a Keras layer, by the channels that the layer reads and makes.

    Conv2D, DepthwiseConv2D, Dense ──► one kernel;  SeparableConv2D ──► two: depthwise, pointwise

Every count is `factor x channels read x channels made`, either of which may be left out, so that it can be summed for a
network as it is, and as well for all its widths at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

from featherline.tasks.networks.framework import KerasLayer, keras

L = keras.layers

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


@dataclass(frozen=True)
class Kernel:
    """The weights of an operator.

    Attributes:
        weights: How many; without biases.
        outputs: Channels that the operator gives.
        by_channel: Whether each of them has a scale and a zero point of its own, as in a convolution; else one is for
            all, as in a dense layer.
        inner: Whether another one of the same layer follows, so that biases and what folds go there.
    """

    weights: Term
    outputs: Term
    by_channel: bool = True
    inner: bool = False

    @property
    def int8_terms(self) -> tuple[Term, ...]:
        """Return the bytes in an int8 file, but for the zero points: lists of equal length are written once a file."""
        each = (CHANNEL_BYTES if self.by_channel else BIAS_BYTES) - (BIAS_BYTES if self.inner else 0)
        channels = replace(self.outputs, factor=each * self.outputs.factor)
        return self.weights, channels, Term(INNER_OPERATOR_BYTES if self.inner else OPERATOR_BYTES)


def kernels_of(layer: KerasLayer) -> tuple[Kernel, ...]:
    """Return the kernels of a layer in the order in which they run; none of a layer without, or of an unknown kind."""
    made = Term(1, makes=True)
    if isinstance(layer, L.Dense):
        return (Kernel(Term(1, reads=True, makes=True), made, by_channel=False),)
    if not isinstance(layer, L.Conv2D | L.DepthwiseConv2D | L.SeparableConv2D):
        return ()
    places = prod(layer.kernel_size)
    if isinstance(layer, L.Conv2D):
        return (Kernel(Term(places / layer.groups, reads=True, makes=True), made),)
    depthwise = Kernel(Term(places * layer.depth_multiplier, reads=True), Term(layer.depth_multiplier, reads=True))
    if isinstance(layer, L.DepthwiseConv2D):
        return (depthwise,)
    return replace(depthwise, inner=True), Kernel(Term(layer.depth_multiplier, reads=True, makes=True), made)
