"""Whether channels can be followed through a layer. A layer that is not here is refused, never guessed.

The table of layer kinds says which layers pass channels on, make, join or hide them, and along which axes of their
weights they lie; here is what is asked of a layer as it is set.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.compression.pruning.operators import is_operator, operator_obstacle
from featherline.tasks.compression.pruning.section import Section
from featherline.tasks.networks.framework import KerasLayer
from featherline.tasks.networks.layer_kinds.kind import Flow
from featherline.tasks.networks.layer_kinds.table import KINDS, activation_of, has_unknown_weights, kind_of

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

FOLLOWED = tuple(kind for kind in KINDS.values() if kind.flow is not Flow.HIDES)


def flow_of(layer: KerasLayer) -> Flow | None:
    """Return what a layer does with channels, or None where nobody knows."""
    kind = kind_of(layer)
    return None if kind is None else kind.flow


def followed() -> str:
    """Return the names of the layers that channels can be followed through."""
    return "one of " + ", ".join(kind.layer.__name__ for kind in FOLLOWED) + ", or an elementwise operator"


def couples_channels(layer: KerasLayer) -> bool:
    """Return whether what one channel becomes depends on all others, as in a softmax, so that none may leave."""
    return flow_of(layer) is Flow.COUPLES or activation_of(layer) in COUPLING_ACTIVATIONS


def joins(layer: KerasLayer) -> bool:
    """Return whether a layer works channel by channel on several tensors; a Concatenate of places does too."""
    if is_operator(layer):
        return len(layer.inbound_nodes[0].keras_inputs) > 1
    flow = flow_of(layer)
    return flow is Flow.JOINS or (flow is Flow.LINES_UP and layer.axis not in (-1, len(layer.output_shape) - 1))


def reshaped(units: NDArray[np.intp], count: int) -> NDArray[np.intp] | None:
    """Return the units behind a last axis of `count` numbers that a reshaping makes of one with these units.

    Numbers lie in the order of the last axis. A longer last axis repeats the units; a shorter one has units of its own
    only if every piece of that length holds the same ones, as after a Flatten. Otherwise None.
    """
    if count % len(units) == 0:
        return np.tile(units, count // len(units))
    pieces = units.reshape(-1, count) if len(units) % count == 0 else None
    return pieces[0] if pieces is not None and (pieces == pieces[0]).all() else None


def obstacle(layer: KerasLayer, section: Section = "prune") -> tuple[str, str] | None:  # noqa: PLR0911 - a table of reasons
    """Return what is wrong with a layer and how to mend it, or None where channels can be followed through it."""
    kind, row, keeping = type(layer).__name__, kind_of(layer), otherwise(section)
    if is_operator(layer):
        wrong = operator_obstacle(layer)
        return (wrong, f"write the operator as a layer, such as keras.layers.Add, {keeping}") if wrong else None
    if row is None or row.flow is Flow.HIDES:
        return f"a {kind}", f"replace the layer, {_instead(layer, section)}"
    if len(layer.inbound_nodes) > 1:
        return f"a {kind} that the graph calls more than once", f"give each call a layer of its own, {keeping}"
    if getattr(layer, "data_format", "channels_last") != "channels_last":
        return f"a {kind} with channels first", f"build the network with channels last, {keeping}"
    if getattr(layer, "groups", 1) != 1:
        return f"a {kind} in {layer.groups} groups", f"use groups=1, {keeping}"
    activation = activation_of(layer)
    if activation is not None and activation not in ELEMENTWISE | COUPLING_ACTIVATIONS:
        return f"a {kind} with the activation {activation}", f"use one of {', '.join(sorted(ELEMENTWISE))}, {keeping}"
    hindered = row.hindrance(layer)
    return None if hindered is None else (hindered[0], f"{hindered[1]}, {keeping}")


def is_never_free(layer: KerasLayer) -> bool:
    """Return whether a layer has kernels and hides its channels: nobody asks for a network of which it is left out."""
    kind = kind_of(layer)
    if kind is None:
        return has_unknown_weights(layer)
    return kind.flow is Flow.HIDES and bool(kind.kernels(layer))


def otherwise(section: Section) -> str:
    """Return what prunes a model whose channels cannot leave."""
    return f"or use {section}.method magnitude or 2:4, which keep the shape of the model"


def _instead(layer: KerasLayer, section: Section) -> str:
    """Return what to do with a model with this layer instead."""
    return f"or set {section}.method to none" if is_never_free(layer) else otherwise(section)
