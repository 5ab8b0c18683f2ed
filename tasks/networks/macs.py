"""Multiply-accumulates of one inference, counted from the Keras graph. FLOPs are twice this."""

from __future__ import annotations

from math import prod
from typing import Any

from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.networks.framework import KerasLayer, KerasModel, keras

LAYERS = keras.layers
FREE_WEIGHTS = (LAYERS.BatchNormalization, LAYERS.PReLU, LAYERS.LayerNormalization, LAYERS.Normalization)
"""Layers with weights and no matrix product: an inference folds them away or spends next to nothing on them."""


def count_macs(model: KerasModel) -> int:
    """Return the multiply-accumulates of one image.

    Counts Conv2D, DepthwiseConv2D, SeparableConv2D and Dense, each as often as it is called, inside nested models and
    inside the wrappers of TFMOT too. Biases, batch normalisation, additions and pooling are left out, as is usual.

    Raises:
        Refused: A layer has weights and is none of these, or leaves a size open.
    """
    total = 0
    for nodes in model._nodes_by_depth.values():  # noqa: SLF001 - the only account of what is called how often
        for node in nodes:
            total += _layer_macs(node.layer, _one(node.input_shapes), _one(node.output_shapes))
    return total


def _layer_macs(layer: KerasLayer, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> int:
    if isinstance(layer, keras.Model):
        return count_macs(layer)
    if hasattr(layer, "layer") and not isinstance(layer, LAYERS.TimeDistributed):
        return _layer_macs(layer.layer, input_shape, output_shape)
    if None in output_shape[1:] and layer.weights:
        raise refuse(
            f"the multiply-accumulates of the layer {layer.name} cannot be counted",
            expected="layers with weights whose every size is known",
            got=f"an output of {output_shape[1:]}",
            fix="give the Input of the model, and of each model inside it, its height and width",
        )
    places = prod(output_shape[1:-1])
    macs = 0
    if isinstance(layer, LAYERS.SeparableConv2D):
        widened = input_shape[-1] * layer.depth_multiplier
        macs = places * widened * (prod(layer.kernel_size) + layer.filters)
    elif isinstance(layer, LAYERS.DepthwiseConv2D):
        macs = places * output_shape[-1] * prod(layer.kernel_size)
    elif type(layer) is LAYERS.Conv2D:
        macs = places * output_shape[-1] * prod(layer.kernel_size) * (input_shape[-1] // layer.groups)
    elif isinstance(layer, LAYERS.Dense):
        macs = places * output_shape[-1] * input_shape[-1]
    elif layer.trainable_weights and not isinstance(layer, FREE_WEIGHTS):
        raise refuse(
            f"the multiply-accumulates of the layer {layer.name} cannot be counted",
            expected="Conv2D, DepthwiseConv2D, SeparableConv2D, Dense, or a layer without a matrix product",
            got=type(layer).__name__,
            fix="build the model of these layers",
        )
    return int(macs)


def _one(shapes: Any) -> tuple[int, ...]:  # noqa: ANN401
    """Return the shape of the first of a node's tensors; only layers without weights have several."""
    while isinstance(shapes, list | dict) and len(shapes):
        shapes = next(iter(shapes.values())) if isinstance(shapes, dict) else shapes[0]
    return tuple(shapes)
