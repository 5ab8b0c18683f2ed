"""The row of a layer, and what is read off it; a layer with weights and no row is refused by name."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.refusal import Refused, refuse
from featherline.tasks.networks.framework import KerasLayer, keras
from featherline.tasks.networks.layer_kinds.counts import Call, Kernel
from featherline.tasks.networks.layer_kinds.kind import Kind, Weight
from featherline.tasks.networks.layer_kinds.weighted import WEIGHTED
from featherline.tasks.networks.layer_kinds.weightless import WEIGHTLESS

KINDS: dict[Any, Kind] = {kind.layer: kind for kind in (*WEIGHTED, *WEIGHTLESS)}
KERNEL_NAMES = {weight.name for kind in WEIGHTED for weight in kind.weights if weight.is_kernel} | {"recurrent_kernel"}
"""Names of the variables that a matrix product is taken with: no biases, no normalisation, no embedding."""


def kind_of(layer: KerasLayer) -> Kind | None:
    """Return the row of just this class, or None: what rebuilds a layer must not take another class for it."""
    return KINDS.get(type(layer))


def kind_behind(layer: KerasLayer) -> Kind | None:
    """Return the row of the class or of the nearest one that it inherits from, or None: what counts may do so."""
    return next((KINDS[each] for each in type(layer).__mro__ if each in KINDS), None)


def within(layer: KerasLayer) -> KerasLayer:
    """Return the layer inside a wrapper that has no row of its own, such as those of TFMOT; else the layer."""
    inner = getattr(layer, "layer", None)
    return layer if inner is None or kind_behind(layer) is not None else within(inner)


def kernels_of(layer: KerasLayer) -> tuple[Kernel, ...]:
    """Return the kernels of a layer in the order in which they run; none of a layer without.

    Raises:
        Refused: The layer has weights and no row.
    """
    kind = kind_behind(layer)
    if kind is None and has_unknown_weights(layer):
        raise unknown(layer, f"what the layer {layer.name} costs cannot be calculated")
    return () if kind is None else kind.kernels(layer)


def products_of(call: Call) -> int:
    """Return the multiply-accumulates of a call.

    Raises:
        Refused: The layer has weights and no row.
    """
    kind = kind_behind(call.layer)
    if kind is None and has_unknown_weights(call.layer):
        raise unknown(call.layer, f"the multiply-accumulates of the layer {call.layer.name} cannot be counted")
    if kind is not None and kind.products is not None:
        return kind.products(call)
    weights = sum(term.of(call.read[-1], call.made[-1]) for kernel in kernels_of(call.layer) for term in kernel.weights)
    return round(kind.places(call) * weights) if kind is not None and weights else 0


def has_unknown_weights(layer: KerasLayer) -> bool:
    """Return whether a layer of no known kind has weights to learn."""
    return kind_behind(layer) is None and bool(layer.trainable_weights)


def unknown(layer: KerasLayer, cannot: str) -> Refused:
    """Return the refusal of a layer that has weights and no row."""
    names = ", ".join(sorted(kind.layer.__name__ for kind in WEIGHTED))
    return refuse(
        cannot,
        expected=f"layers without weights, or {names}",
        got=type(layer).__name__,
        fix="build the model of these layers",
    )


def is_input(layer: KerasLayer) -> bool:
    """Return whether a layer stands for an input of the model."""
    return isinstance(layer, keras.layers.InputLayer)


def holds_code(layer: KerasLayer) -> bool:
    """Return whether a layer is not Keras' own, or holds code: a file that is read without running it has none."""
    return not type(layer).__module__.startswith("tf_keras.") or isinstance(layer, keras.layers.Lambda)


def activation_of(layer: KerasLayer) -> str | None:
    """Return the name of the activation function inside a layer, or None where it has none."""
    activation = getattr(layer, "activation", None)
    return None if activation is None else getattr(activation, "__name__", type(activation).__name__)


def name_of(variable: Any) -> str:  # noqa: ANN401 - a variable of TensorFlow
    """Return the last part of the name of a variable, such as `kernel`."""
    return str(variable.name.split("/")[-1].split(":")[0])


def known_weights(layer: KerasLayer) -> list[Weight | None]:
    """Return what is known of each weight of a layer, in the order of `get_weights`."""
    kind = kind_of(layer)
    return [None if kind is None else kind.weight(name_of(variable)) for variable in layer.weights]


def maker_of(layer: KerasLayer) -> int | None:
    """Return the place in `get_weights` of the weight by which a layer makes its channels, or None."""
    kind = kind_of(layer)
    if kind is None or kind.maker is None:
        return None
    return [name_of(variable) for variable in layer.weights].index(kind.maker)


def made_last(values: NDArray[Any], weight: Weight) -> NDArray[Any]:
    """Return the values of a weight that makes channels with these along the last axis, (…, made)."""
    if weight.makes is None:
        return values.reshape(*values.shape[:-2], -1)
    return np.moveaxis(values, weight.makes, -1)


def repeated(along: NDArray[Any], length: int) -> NDArray[Any]:
    """Return what is given for each channel along an axis where each stands so often that the axis has this length."""
    return np.repeat(along, length // len(along))
