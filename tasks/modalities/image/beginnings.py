"""What a network of images does first: whether it brings the scaling of its pixels with it.

    image ──► (random flips, resizing, casts) ──► Rescaling, Normalization, x / 255? ──► …

A scaling counts where it takes bytes: from 0..255 it makes numbers that a network can learn from. `Rescaling(2, -1)`
takes 0..1 and does not say how those came to be.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from featherline.tasks.networks.framework import KerasLayer, KerasModel, keras, tf

LAYERS = keras.layers

SCALINGS = (LAYERS.Rescaling, LAYERS.Normalization)
ARITHMETIC = {
    *("truediv", "divide", "div", "multiply", "mul", "subtract", "sub", "add", "bias_add", "divide_no_nan", "realdiv"),
    *("per_image_standardization", "convert_image_dtype"),
}
"""The last word of TensorFlow operations that scale or shift."""

HARMLESS = {"cast", "identity", "convert_to_tensor", "resize", "__operators__.getitem"}

MOVES = (
    *(LAYERS.InputLayer, LAYERS.Resizing, LAYERS.CenterCrop, LAYERS.RandomFlip, LAYERS.RandomRotation),
    *(LAYERS.RandomZoom, LAYERS.RandomTranslation, LAYERS.RandomCrop, LAYERS.RandomHeight, LAYERS.RandomWidth),
    *(LAYERS.RandomContrast, LAYERS.RandomBrightness, LAYERS.ZeroPadding2D, LAYERS.Cropping2D, LAYERS.Dropout),
    *(LAYERS.GaussianNoise, LAYERS.Reshape, LAYERS.Permute),
)
"""Layers after which a pixel is still a pixel."""

LARGEST = 30.0
"""Inputs beyond it were not scaled for bytes."""

LARGEST_CENTRED = 160.0
"""Bytes less a mean: `preprocess_input` of ResNet and VGG gives up to 151."""

BYTES = (0.0, 255.0)


def takes_bytes(model: KerasModel) -> str:
    """Return the layers with which a model scales bytes, joined by " and ", or nothing where it has none.

    Args:
        model: Functional or sequential; of several inputs nothing is said.
    """
    if len(model.inputs) > 1:
        return ""
    channels = model.input_shape[-1]
    corners = np.stack([np.full((channels,), value, np.float32) for value in BYTES])
    found: list[str] = []
    for layer, node in _chain(model):
        if isinstance(layer, SCALINGS):
            corners = np.asarray(layer(tf.constant(corners[:, np.newaxis, np.newaxis, :])))[:, 0, 0, :]
        elif (after := _calculated(layer, node, corners)) is not None:
            corners = after
        elif _moves(layer):
            continue
        else:
            break
        found.append(f"{type(layer).__name__} {layer.name}")
    largest = float(np.abs(corners).max())
    centred = bool((corners[0] < 0).all() and (corners[1] > 0).all()) and largest <= LARGEST_CENTRED
    return " and ".join(found) if found and (largest <= LARGEST or centred) else ""


def _chain(model: KerasModel) -> Any:  # noqa: ANN401
    """Yield the layers from the input on, with their calls, as long as each has one that follows; within models too."""
    tensor = model.inputs[0]
    while True:
        nodes = [
            node
            for nodes in model._nodes_by_depth.values()  # noqa: SLF001 - the only account of what is called with what
            for node in nodes
            if not node.is_input and any(each is tensor for each in node.keras_inputs)
        ]
        if len(nodes) != 1 or len(nodes[0].keras_inputs) != 1:
            return
        (node,) = nodes
        if isinstance(node.layer, keras.Model):
            yield from _chain(node.layer)
            if not _only_moves(node.layer):
                return
        else:
            yield node.layer, node
        outputs = tf.nest.flatten(node.outputs)
        if len(outputs) != 1:
            return
        (tensor,) = outputs


def _only_moves(model: KerasModel) -> bool:
    """Return whether a nested model only moves, scales or casts, so that what follows it is a beginning too."""
    return all(isinstance(layer, (*MOVES, *SCALINGS)) or _operation(layer) for layer in model.layers)


def _moves(layer: KerasLayer) -> bool:
    linear = isinstance(layer, LAYERS.Activation) and layer.activation is keras.activations.linear
    return linear or isinstance(layer, MOVES) or _operation(layer) in HARMLESS


def _operation(layer: KerasLayer) -> str:
    """Return the last word of the TensorFlow operation that a layer is, or nothing."""
    kind = type(layer).__name__
    if kind == "SlicingOpLambda":
        return "__operators__.getitem"
    return str(getattr(layer, "symbol", "")).rpartition(".")[2] if kind == "TFOpLambda" else ""


def _calculated(layer: KerasLayer, node: Any, corners: Any) -> Any:  # noqa: ANN401
    """Return the corners after a TensorFlow operation that scales or shifts by constants, or None."""
    operation = _operation(layer)
    if operation not in ARITHMETIC:
        return None
    if operation == "per_image_standardization":
        return np.clip(corners, -1, 1)
    (old,) = node.keras_inputs
    images = tf.constant(corners[:, np.newaxis, np.newaxis, :])
    args, kwargs = tf.nest.map_structure(
        lambda each: images if each is old else each, (node.call_args, node.call_kwargs)
    )
    return np.asarray(layer(*args, **kwargs), np.float32)[:, 0, 0, :]
