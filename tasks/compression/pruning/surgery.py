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
from featherline.tasks.compression.pruning.layers import MAKERS
from featherline.tasks.networks.framework import KerasLayer, KerasModel, Tensor, keras

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
            if "filters" in config and type(layer) in MAKERS:
                config["filters"] = count
            elif type(layer) is keras.layers.Dense:
                config["units"] = count
            elif type(layer) is keras.layers.Reshape and not keep[ports.outputs].all():
                config["target_shape"] = (*config["target_shape"][:-1], count)
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
    kind = type(layer)
    if kind in (keras.layers.Conv2D, keras.layers.Dense):
        return [weights[0][..., read, :][..., made], *(bias[made] for bias in weights[1:])]
    if kind is keras.layers.DepthwiseConv2D:
        return [weights[0][:, :, read], *(bias[made] for bias in weights[1:])]
    if kind is keras.layers.SeparableConv2D:
        through = np.repeat(read, layer.depth_multiplier)
        pointwise = weights[1][:, :, through][..., made]
        return [weights[0][:, :, read], pointwise, *(bias[made] for bias in weights[2:])]
    if kind is keras.layers.BatchNormalization:
        return [weight[..., read] for weight in weights]
    if kind is keras.layers.PReLU:  # one slope for all channels where they are shared
        return [weight if weight.shape[-1] == 1 else weight[..., read] for weight in weights]
    raise AssertionError(
        f"the surgery knows no weights of {kind.__name__}: add them beside featherline.tasks.compression.pruning.layers"
    )


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
        if type(layer) not in MAKERS or read.all():
            continue
        weights = layer.get_weights()
        if type(layer) is keras.layers.SeparableConv2D:
            weights[1][:, :, ~np.repeat(read, layer.depth_multiplier)] = 0
        else:
            weights[0][..., ~read, :] = 0
        layer.set_weights(weights)


def check_equivalence(small: KerasModel, masked: KerasModel, *, seed: int, samples: int = 8) -> float:
    """Compare the outputs of the narrower and the masked model on random images.

    Returns:
        The largest difference over the largest output, at most 1e-4.

    Raises:
        AssertionError: They differ by more: the surgery is wrong, and no fine-tuning may hide it.
    """
    shape = (samples, *masked.input_shape[1:])
    images = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    expected = np.asarray(masked(images, training=False))
    difference = float(np.abs(np.asarray(small(images, training=False)) - expected).max())
    scale = float(np.abs(expected).max())
    if not difference <= TOLERANCE * scale:
        raise AssertionError(
            f"the pruned model is not the masked original: outputs differ by {difference:.3g}, "
            f"the largest output is {scale:.3g}"
        )
    return difference / scale if scale else 0.0
