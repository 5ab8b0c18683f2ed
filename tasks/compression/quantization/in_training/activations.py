"""Pull a ReLU into the layer in front of it, where no batch normalisation lies between.

    Conv2D ──► ReLU ──► …        becomes        Conv2D(activation="relu") ──► linear ──► …

TFMOT 0.8.1 takes the quantizers off a Conv2D, DepthwiseConv2D or Dense that a ReLU follows directly: its weights would
be trained without rounding, and its zeros and clusters would be lost. The function of the model stays the same.
"""

from __future__ import annotations

from typing import Any

from featherline.tasks.networks.framework import KerasLayer, KerasModel, keras
from featherline.tasks.networks.layer_kinds.table import activation_of, kind_of


def is_relu(layer: KerasLayer) -> bool:
    """Return whether a layer is a ReLU of any kind, as TFMOT looks for it."""
    kind = kind_of(layer)
    return kind is not None and (kind.rectifies or (kind.is_activation and activation_of(layer) == "relu"))


def carrier(layer: KerasLayer) -> KerasLayer | None:
    """Return the layer right in front of a ReLU whose quantizers TFMOT would take off, or None."""
    if not is_relu(layer):
        return None
    source = layer.inbound_nodes[0].parent_nodes[0].layer
    kind = kind_of(source)
    return source if kind is not None and kind.takes_relu else None


def can_be_pulled(layer: KerasLayer) -> bool:
    """Return whether a ReLU that has a carrier is a plain one, and alone in reading a linear carrier."""
    source: Any = carrier(layer)
    plain = activation_of(layer) is not None or (
        layer.max_value is None and not layer.negative_slope and not layer.threshold
    )
    return plain and len(source.outbound_nodes) == 1 and source.activation.__name__ == "linear"


def with_inner_activations(model: KerasModel) -> KerasModel:
    """Return a copy of a flat functional model in which every plain ReLU is inside its carrier."""
    carriers = [(layer, carrier(layer)) for layer in model.layers]
    pairs = {layer.name: source.name for layer, source in carriers if source is not None and can_be_pulled(layer)}

    def changed(layer: KerasLayer) -> KerasLayer:
        config = layer.get_config()
        if layer.name in pairs:
            return keras.layers.Activation("linear", name=layer.name)
        if layer.name in pairs.values():
            config["activation"] = "relu"
        return type(layer).from_config(config)

    copy = keras.models.clone_model(model, clone_function=changed)
    copy.set_weights(model.get_weights())
    return copy
