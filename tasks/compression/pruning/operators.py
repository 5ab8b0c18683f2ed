"""Operators written without a layer (`x + y`, `tf.nn.relu(x)`), of which Keras makes layers of the kind TFOpLambda.

elementwise of one tensor (and numbers) ──► passes the channels on;  of two tensors ──► joins them as Add does
"""

from __future__ import annotations

import numpy as np

from featherline.tasks.networks.framework import KerasLayer

UNARY = {
    "identity",
    "math.abs",
    "math.exp",
    "math.sigmoid",
    "math.softplus",
    "math.square",
    "math.tanh",
    "nn.elu",
    "nn.gelu",
    "nn.leaky_relu",
    "nn.relu",
    "nn.relu6",
    "nn.selu",
    "nn.silu",
}
BINARY = {
    "__operators__.add",
    "math.add",
    "math.divide",
    "math.maximum",
    "math.minimum",
    "math.multiply",
    "math.subtract",
    "math.truediv",
}


def is_operator(layer: KerasLayer) -> bool:
    """Return whether Keras made this layer of an operator."""
    return type(layer).__name__ == "TFOpLambda"


def operator_obstacle(layer: KerasLayer) -> str | None:
    """Return what is wrong with an operator, or None where channels can be followed through it."""
    if layer.symbol not in UNARY | BINARY:
        return f"the operator {layer.symbol}"
    node = layer.inbound_nodes[0]
    tensors = {id(tensor) for tensor in node.keras_inputs}
    numbers = [value for value in (*node.call_args, *node.call_kwargs.values()) if id(value) not in tensors]
    if layer.symbol in BINARY and any(np.ndim(value) for value in numbers if value is not None):
        return f"the operator {layer.symbol} with a number for each channel"
    return None
