"""What each kind of Keras layer does with channels. A layer that is not here is refused, never guessed.

To have pruning follow a new layer: put it into the kind that fits, and add its weights to `surgery` if it has
any along the channel axis.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.compression.pruning.operators import is_operator, operator_obstacle
from featherline.tasks.networks.framework import KerasLayer, keras

L = keras.layers

ELEMENTWISE = {
    "elu",
    "exponential",
    "gelu",
    "hard_sigmoid",
    "hard_sigmoid_keras3",
    "hard_silu_keras3",
    "leaky_relu",
    "linear",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softplus",
    "softsign",
    "swish",
    "tanh",
}
"""Names of activation functions that look at one number at a time."""

COUPLING_ACTIVATIONS = {"softmax", "log_softmax"}
"""Those whose every output depends on all channels."""

MAKERS = (L.Conv2D, L.Dense, L.SeparableConv2D)
"""Read channels and make new ones."""

PASSING = (
    L.BatchNormalization,
    L.ReLU,
    L.LeakyReLU,
    L.PReLU,
    L.ELU,
    L.Activation,
    L.Softmax,
    L.ThresholdedReLU,
    L.Dropout,
    L.AlphaDropout,
    L.SpatialDropout2D,
    L.GaussianNoise,
    L.GaussianDropout,
    L.ActivityRegularization,
    L.MaxPooling2D,
    L.AveragePooling2D,
    L.GlobalAveragePooling2D,
    L.GlobalMaxPooling2D,
    L.ZeroPadding2D,
    L.Cropping2D,
    L.UpSampling2D,
    L.Permute,
    L.Identity,
    L.Rescaling,
    L.LayerNormalization,
    L.UnitNormalization,
)
"""Give the channels that they take (a Permute that leaves the last axis alone)."""

COUPLING = (L.Softmax, L.LayerNormalization, L.UnitNormalization)
"""Of those, the ones that compute a channel from all channels."""

MERGES = (L.Add, L.Subtract, L.Multiply, L.Average, L.Maximum, L.Minimum)
"""Work channel by channel on several tensors."""

RESHAPING = (L.Flatten, L.Reshape)
"""Lay the channels of several pixels side by side, or apart again."""

OTHERS = (L.Concatenate, L.DepthwiseConv2D)

KNOWN = (*MAKERS, *OTHERS, *MERGES, *RESHAPING, *PASSING)

OTHERWISE = "or use prune.method magnitude or 2:4, which keep the shape of the model"


def followed() -> str:
    """Return the names of the layers that channels can be followed through."""
    return "one of " + ", ".join(kind.__name__ for kind in KNOWN) + ", or an elementwise operator"


def activation_of(layer: KerasLayer) -> str | None:
    """Return the name of the activation function inside a layer, or None where it has none."""
    activation = getattr(layer, "activation", None)
    return None if activation is None else getattr(activation, "__name__", type(activation).__name__)


def couples_channels(layer: KerasLayer) -> bool:
    """Return whether what one channel becomes depends on all others, as in a softmax, so that none may leave."""
    return type(layer) in COUPLING or activation_of(layer) in COUPLING_ACTIVATIONS


def joins(layer: KerasLayer) -> bool:
    """Return whether a layer works channel by channel on several tensors; a Concatenate of places does too."""
    if is_operator(layer):
        return len(layer.inbound_nodes[0].keras_inputs) > 1
    beside = type(layer) is L.Concatenate and layer.axis not in (-1, len(layer.output_shape) - 1)
    return type(layer) in MERGES or beside


def reshaped(units: NDArray[np.intp], count: int) -> NDArray[np.intp] | None:
    """Return the units behind a last axis of `count` numbers that a reshaping makes of one with these units.

    Numbers lie in the order of the last axis. A longer last axis repeats the units; a shorter one has units of its own
    only if every piece of that length holds the same ones, as after a Flatten. Otherwise None.
    """
    if count % len(units) == 0:
        return np.tile(units, count // len(units))
    pieces = units.reshape(-1, count) if len(units) % count == 0 else None
    return pieces[0] if pieces is not None and (pieces == pieces[0]).all() else None


def obstacle(layer: KerasLayer) -> tuple[str, str] | None:  # noqa: PLR0911 - a table of reasons
    """Return what is wrong with a layer and how to mend it, or None where channels can be followed through it."""
    kind = type(layer).__name__
    if is_operator(layer):
        wrong = operator_obstacle(layer)
        return (wrong, f"write the operator as a layer, such as keras.layers.Add, {OTHERWISE}") if wrong else None
    if type(layer) not in KNOWN:
        return f"a {kind}", f"replace the layer, {OTHERWISE}"
    if len(layer.inbound_nodes) > 1:
        return f"a {kind} that the graph calls more than once", f"give each call a layer of its own, {OTHERWISE}"
    if getattr(layer, "data_format", "channels_last") != "channels_last":
        return f"a {kind} with channels first", f"build the network with channels last, {OTHERWISE}"
    if getattr(layer, "groups", 1) != 1:
        return f"a {kind} in {layer.groups} groups", f"use groups=1, {OTHERWISE}"
    activation = activation_of(layer)
    if activation is not None and activation not in ELEMENTWISE | COUPLING_ACTIVATIONS:
        return f"a {kind} with the activation {activation}", f"use one of {', '.join(sorted(ELEMENTWISE))}, {OTHERWISE}"
    return _misplaced(layer, kind)


def _misplaced(layer: KerasLayer, kind: str) -> tuple[str, str] | None:
    """Return what is wrong with the axes that a layer works along, and how to mend it."""
    rank = len(layer.output_shape)
    if type(layer) is L.BatchNormalization:
        axis = layer.axis if isinstance(layer.axis, int) else layer.axis[0]
        if axis not in (-1, rank - 1):
            return f"a {kind} over axis {axis}", f"use axis=-1, {OTHERWISE}"
    if type(layer) is L.Permute and layer.dims[-1] != rank - 1:
        return f"a Permute to {layer.dims}", f"leave the last axis in its place, {OTHERWISE}"
    if type(layer) is L.Rescaling and (np.ndim(layer.scale) or np.ndim(layer.offset)):
        return "a Rescaling with a number for each channel", f"use one number for all channels, {OTHERWISE}"
    if type(layer) is L.Flatten and None in layer.input_shape[1:]:
        return f"a Flatten of {layer.input_shape[1:]}", f"give the model's Input a fixed size, {OTHERWISE}"
    return None
