"""Surgery: build the narrower model, and prove that nothing but the removed channels is gone.

    model, kept units ──► shrink ──► narrower model ──┐
                     └──► mask ──► masked model ──────┴──► equal outputs, or a crash

Weights of the kept channels are copied as they are, batch normalisation statistics included.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.compression.pruning.groups import Channels, Ports
from featherline.tasks.compression.pruning.layers import flow_of
from featherline.tasks.networks.framework import KerasLayer, KerasModel, Tensor, keras
from featherline.tasks.networks.inputs import as_tensors, noise
from featherline.tasks.networks.layer_kinds.kind import Flow, Weight
from featherline.tasks.networks.layer_kinds.table import kind_of, known_weights, maker_of, repeated

KeepMask = NDArray[np.bool_]
"""(units,), True where the unit stays."""

TOLERANCE = 1e-4
"""Of the largest output: what the order of float32 sums may change."""


def shrink(model: KerasModel, channels: Channels, keep: KeepMask) -> KerasModel:
    """Return a model without the channels that `keep` drops. `model` stays as it is.

    Args:
        model: The flat functional model that was traced.
        channels: Its channels.
        keep: True where the unit stays; True for every held unit.
    """

    def narrower(layer: KerasLayer) -> KerasLayer:
        config = layer.get_config()
        ports = channels.ports.get(layer.name)
        if ports is not None:
            count = int(keep[ports.outputs].sum())
            kind = kind_of(layer)
            width = None if kind is None else kind.width
            if width is not None and isinstance(config[width], int):
                config[width] = count
            elif width is not None and not keep[ports.outputs].all():
                config[width] = (*config[width][:-1], count)
        return type(layer).from_config(config)

    small = keras.models.clone_model(model, clone_function=narrower)
    for name, ports in channels.ports.items():
        weights = model.get_layer(name).get_weights()
        if weights:
            small.get_layer(name).set_weights(_kept_weights(model.get_layer(name), weights, ports, keep))
    return small


def _kept_weights(layer: KerasLayer, weights: list[Any], ports: Ports, keep: KeepMask) -> list[Tensor]:
    """Return the weights of a layer without the dropped channels."""
    read, made = keep[ports.inputs], keep[ports.outputs]
    if read.all() and made.all():
        return weights
    return [_kept(layer, *pair, read, made) for pair in zip(weights, known_weights(layer), strict=True)]


def _kept(
    layer: KerasLayer, values: NDArray[Any], known: Weight | None, read: KeepMask, made: KeepMask
) -> NDArray[Any]:
    """Return the values of one weight along the channels that stay."""
    if known is None:
        raise AssertionError(f"the surgery knows no such weights of {type(layer).__name__}: add them to its row")
    for axis, keep in ((known.reads, read), (known.makes, made)):
        if axis is not None and values.shape[axis] >= len(keep):  # one number for all channels stays one
            values = np.compress(repeated(keep, values.shape[axis]), values, axis)
    return values


def masked_copy(model: KerasModel, channels: Channels, keep: KeepMask) -> KerasModel:
    """Return a copy of `model`, of the same shape, in which no layer reads the channels that `keep` drops.

    The rows of dropped channels in the kernels that read them are zero, so that it does not matter what an activation
    makes of a dropped channel.
    """
    masked = keras.models.clone_model(model)
    masked.set_weights(model.get_weights())
    mask(masked, channels, keep)
    return masked


def mask(model: KerasModel, channels: Channels, keep: KeepMask) -> None:
    """Set the rows of dropped channels in the kernels that read them to zero, in place."""
    for name, ports in channels.ports.items():
        layer = model.get_layer(name)
        read = keep[ports.inputs]
        place = maker_of(layer)
        if flow_of(layer) is not Flow.MAKES or place is None or read.all():
            continue
        weights, known = layer.get_weights(), known_weights(layer)[place]
        if known is not None and known.reads is not None:
            rows = np.moveaxis(weights[place], known.reads, 0)
            rows[~repeated(read, len(rows))] = 0
            layer.set_weights(weights)


def check_equivalence(small: KerasModel, masked: KerasModel, *, seed: int, samples: int = 8) -> float:
    """Compare the outputs of the narrower and the masked model on random examples.

    Returns:
        The largest difference over the largest output, at most 1e-4.

    Raises:
        AssertionError: They differ by more: the surgery is wrong, and no fine-tuning may hide it.
    """
    examples = as_tensors(noise(masked, samples, seed))
    expected = np.asarray(masked(examples, training=False))
    difference = float(np.abs(np.asarray(small(examples, training=False)) - expected).max())
    scale = float(np.abs(expected).max())
    if not difference <= TOLERANCE * scale:
        raise AssertionError(
            f"the pruned model is not the masked original: outputs differ by {difference:.3g}, "
            f"the largest output is {scale:.3g}"
        )
    return difference / scale if scale else 0.0
