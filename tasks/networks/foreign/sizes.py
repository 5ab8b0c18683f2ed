"""Sizes that a model leaves open: filled in from the example down, through models inside models.

    example ──► input of the model ──► built ──► what a nested model is called with ──► its input ──► built anew, …

Weights do not depend on the height and width of what they are applied to, so the same ones fit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from featherline.tasks.networks.foreign.allowed import MODELS
from featherline.tasks.networks.framework import KerasLayer, KerasModel, keras, tf

SHAPES = ("batch_input_shape", "build_input_shape")
"""The keys under which a configuration has the shape of an input: of a layer, of a sequential model without one."""


def fill_sizes(settings: dict[str, Any], sizes: tuple[int | None, ...]) -> bool:
    """Give sizes to a shape in the configuration of a layer or model that leaves them open; return whether any did."""
    filled = False
    for key in SHAPES:
        shape = settings.get(key)
        if isinstance(shape, list | tuple) and len(shape) == len(sizes) + 1:
            closed = [own or given for own, given in zip(shape[1:], sizes, strict=True)]
            filled |= closed != list(shape[1:])
            settings[key] = (None, *closed)
    return filled


def close_nested(config: dict[str, Any], model: KerasModel) -> bool:
    """Give the models inside a model the sizes that they are called with.

    Args:
        config: Of the model; changed in place.
        model: Built of it.

    Returns:
        Whether a size was filled in, so that the model must be built anew. One more level is known each time.
    """
    filled = False
    for inner in config["config"]["layers"]:
        if inner["class_name"] not in MODELS:
            continue
        nested = model.get_layer(inner["config"]["name"])
        called = {
            tuple(tensor.shape[1:]) for node in _nodes(model, nested) for tensor in tf.nest.flatten(node.keras_inputs)
        }
        if len(called) == 1:
            (sizes,) = called
            filled |= fill_sizes(inner["config"], sizes)
            for layer in inner["config"]["layers"]:
                filled |= fill_sizes(layer["config"], sizes)
        filled |= close_nested(inner, nested)
    return filled


def open_layers(model: KerasModel) -> Iterator[str]:
    """Yield the layers that give a shape with an open size, in words."""
    for name, shape in outputs(model):
        if None in shape:
            yield f"{shape} from {name}"


def outputs(model: KerasModel) -> Iterator[tuple[str, tuple[int | None, ...]]]:
    """Yield what each layer of a model and of those inside it gives: who, and the shape without the batch."""
    for node in _nodes(model):
        if isinstance(node.layer, keras.Model):
            yield from outputs(node.layer)
            continue
        for tensor in [] if node.is_input else tf.nest.flatten(node.outputs):
            yield f"{node.layer.name} in {model.name}", tuple(tensor.shape[1:])


def _nodes(model: KerasModel, layer: KerasLayer = None) -> Iterator[Any]:
    """Yield the calls of all layers of a model, or of one."""
    for nodes in getattr(model, "_nodes_by_depth", {}).values():  # the only account of what is called with what
        for node in nodes:
            if layer is None or node.layer is layer:
                yield node
