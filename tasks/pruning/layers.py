"""What each kind of Keras layer does with channels. A layer that is not here is refused, never guessed.

To teach pruning a new layer: put it into the kind that fits, and add its weights to `tasks.pruning.surgery` if it has
any along the channel axis.
"""

from __future__ import annotations

from typing import Any

from tasks.framework import keras

L = keras.layers

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
    L.Dropout,
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
    L.Reshape,
)
"""Give the channels that they take (a Reshape that leaves the last axis alone)."""

MERGES = (L.Add, L.Subtract, L.Multiply, L.Average, L.Maximum, L.Minimum)
"""Work channel by channel on several tensors."""

FLATTENING = (L.Flatten,)
"""Lay the channels of every pixel side by side."""

OTHERS = (L.Concatenate, L.DepthwiseConv2D)


def followed() -> str:
    """Return the names of the layers that channels can be followed through."""
    kinds = (*MAKERS, *OTHERS, *MERGES, *FLATTENING, *PASSING)
    return "one of " + ", ".join(kind.__name__ for kind in kinds)


def couples_channels(layer: Any) -> bool:  # noqa: ANN401
    """Return whether what one channel becomes depends on all others, as in a softmax, so that none may leave."""
    if type(layer) is L.Softmax:
        return True
    return getattr(getattr(layer, "activation", None), "__name__", "") == "softmax"


def obstacle(layer: Any) -> tuple[str, str] | None:  # noqa: ANN401, PLR0911 - a table of reasons
    """Return what is wrong with a layer and how to mend it, or None where channels can be followed through it."""
    kind = type(layer).__name__
    otherwise = "or use prune.method magnitude or 2:4, which keep the shape of the model"
    if type(layer) not in (*MAKERS, *OTHERS, *MERGES, *FLATTENING, *PASSING):
        known = {"TFOpLambda": "write the operator as a layer, such as keras.layers.Add"}
        return f"a {kind}", f"{known.get(kind, 'replace the layer')}, {otherwise}"
    if len(layer.inbound_nodes) > 1:
        return f"a {kind} that the graph calls more than once", f"give each call a layer of its own, {otherwise}"
    if getattr(layer, "data_format", "channels_last") != "channels_last":
        return f"a {kind} with channels first", f"build the network with channels last, {otherwise}"
    if getattr(layer, "groups", 1) != 1:
        return f"a {kind} in {layer.groups} groups", f"use groups=1, {otherwise}"
    rank = len(layer.output_shape)
    if type(layer) in (L.BatchNormalization, L.Concatenate):
        axis = layer.axis if isinstance(layer.axis, int) else layer.axis[0]
        if axis not in (-1, rank - 1):
            return f"a {kind} over axis {axis}", f"use axis=-1, {otherwise}"
    if type(layer) is L.Reshape and layer.output_shape[-1] != layer.input_shape[-1]:
        return (
            f"a Reshape from {layer.input_shape[1:]} to {layer.output_shape[1:]}",
            f"use Flatten, or leave the last axis as it is, {otherwise}",
        )
    if type(layer) is L.Flatten and None in layer.input_shape[1:]:
        return f"a Flatten of {layer.input_shape[1:]}", f"give the model's Input a fixed size, {otherwise}"
    return None
