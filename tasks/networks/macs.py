"""Multiply-accumulates of one inference, counted from the Keras graph. FLOPs are twice this."""

from __future__ import annotations

from typing import Any

from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.networks.framework import KerasLayer, KerasModel, keras
from featherline.tasks.networks.layer_kinds.counts import Call
from featherline.tasks.networks.layer_kinds.table import products_of, within


def count_macs(model: KerasModel) -> int:
    """Return the multiply-accumulates of one sample.

    Counts what the table of layer kinds says, each layer as often as it is called, inside nested models and inside the
    wrappers of TFMOT too. Biases, normalisation, activations, additions and pooling are left out, as is usual.

    Raises:
        Refused: A layer has weights and no row in the table, or leaves a size open.
    """
    total = 0
    for nodes in model._nodes_by_depth.values():  # noqa: SLF001 - the only account of what is called how often
        for node in nodes:
            total += _call_macs(node.layer, node)
    return total


def _call_macs(layer: KerasLayer, node: Any) -> int:  # noqa: ANN401 - tf_keras has no types
    if isinstance(layer, keras.Model):
        return count_macs(layer)
    inner = within(layer)
    if inner is not layer:
        return _call_macs(inner, node)
    call = Call(layer, _one(node.input_shapes)[1:], _one(node.output_shapes)[1:], None if node.is_input else node)
    if layer.weights and None in (*call.read, *call.made):
        side, shape = ("output", call.made) if None in call.made else ("input", call.read)
        raise refuse(
            f"the multiply-accumulates of the layer {layer.name} cannot be counted",
            expected="layers with weights whose every size is known",
            got=f"an {side} of {shape}",
            fix="give the Input of the model, and of each model inside it, every size, such as height and width",
        )
    return products_of(call)


def _one(shapes: Any) -> tuple[int, ...]:  # noqa: ANN401
    """Return the shape of the first of a node's tensors; what is counted of several asks for them by name."""
    while isinstance(shapes, list | dict) and len(shapes):
        shapes = next(iter(shapes.values())) if isinstance(shapes, dict) else shapes[0]
    return tuple(shapes)
