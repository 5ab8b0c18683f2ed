"""A model file as the network that a run begins with: as it is, or its backbone under a new head.

file ──► flat ──► cut ──► (pooling over the places of a map) ──► (dropout) ──► dense: what the data ask
         └────────┬───┘
             the backbone: every layer may learn, whatever the file says, until the recipe freezes it
"""

from __future__ import annotations

from typing import NamedTuple

from featherline.tasks.contracts.dataset import InputShape
from featherline.tasks.contracts.safe_text import visible
from featherline.tasks.contracts.transfer import NewHead
from featherline.tasks.networks.foreign.read import read_backbone, read_model
from featherline.tasks.networks.framework import KerasModel, Tensor, keras
from featherline.tasks.networks.graph import functional
from featherline.tasks.networks.transfer.cut import MAP, features_of

L = keras.layers

POOLING_BY_RANK = {3: L.GlobalAveragePooling1D, 4: L.GlobalAveragePooling2D, 5: L.GlobalAveragePooling3D}
"""By the number of axes of a batch of feature maps."""


class Network(NamedTuple):
    """A network that a run begins with."""

    model: KerasModel
    head: frozenset[str] = frozenset()
    """The layers of its new head; empty where the file ends as it did."""


def read_network(source: str, head: NewHead | None, input_shape: InputShape, outputs: int) -> Network:
    """Read a model file, and give it a new head where one is asked.

    Args:
        source: As `read_model` takes it.
        head: What takes the place of the file's own end; None leaves it.
        input_shape: Of one example.
        outputs: How many numbers the network must give for an example.

    Raises:
        Refused: As `read_model`; or as `with_new_head`.
    """
    if head is None:
        return Network(read_model(source, input_shape, outputs))
    return with_new_head(read_backbone(source, input_shape), source, head, outputs)


def with_new_head(model: KerasModel, name: str, head: NewHead, outputs: int) -> Network:
    """Return a flat copy of a network up to where it is cut, under a head of fresh weights (Keras' global seed).

    Args:
        model: Of one output. It stays as it is.
        name: Of the file, for messages.
        head: Where it is cut, and what the new head is.
        outputs: How many numbers the new head gives for an example, without an activation.

    Raises:
        Refused: It cannot be cut there, as `features_of` says, or it cannot be copied flat.
    """
    flat = functional(model, "train")
    features, where = features_of(flat, name, head.cut)
    begun = keras.Model(flat.inputs, features)
    taken = {layer.name for layer in begun.layers}
    given, layers = _on_top(features, head, outputs, taken)
    network = keras.models.clone_model(keras.Model(flat.inputs, given, name=flat.name))
    before = {layer.name: layer for layer in flat.layers}
    for layer in network.layers:
        layer.trainable = True
        if layer.name not in layers:
            layer.set_weights(before[layer.name].get_weights())
    left = len(flat.layers) - len(begun.layers)
    print(
        f"{visible(name)}: cut behind {where} {tuple(features.shape[1:])}; "
        f"{left} layers of its own end are left out, the new head gives {outputs} numbers"
    )
    return Network(network, layers)


def _on_top(features: Tensor, head: NewHead, outputs: int, taken: set[str]) -> tuple[Tensor, frozenset[str]]:
    """Return what the new head gives for features, and the names of its layers."""
    layers = [L.Dense(outputs, kernel_initializer="he_normal", name=_free("head", taken))]
    if head.dropout:
        layers.insert(0, L.Dropout(head.dropout, name=_free("head_dropout", taken)))
    if len(features.shape) >= MAP:
        layers.insert(0, POOLING_BY_RANK[len(features.shape)](name=_free("head_pooling", taken)))
    for layer in layers:
        features = layer(features)
    return features, frozenset(layer.name for layer in layers)


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name = f"new_{name}"
    return name
