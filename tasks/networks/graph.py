"""A flat functional copy of any Keras graph, so that the rest of pruning meets one form only.

    Sequential, functional, models inside models ──► one functional model with layers of its own, same weights

TFMOT's wrappers and channel surgery change the layers of the model that they are given; they get this copy.
"""

from __future__ import annotations

from itertools import chain, count
from typing import Any

from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.networks.framework import KerasLayer, KerasModel, Tensor, keras, tf


def functional(model: KerasModel, who: str = "prune") -> KerasModel:
    """Return a functional model that computes what `model` computes and shares no layer with it.

    Args:
        model: A built Sequential or functional model; models inside it are opened up.
        who: The step that asks, for the message.

    Raises:
        Refused: `model` is subclassed, so that its graph is hidden in Python code, or has a layer that cannot be
            built again.
    """
    _refuse_hidden(model, who)
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    inputs = [
        keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=tensor.node.layer.name) for tensor in copy.inputs
    ]
    outputs = _called(copy, inputs, dict.fromkeys(tensor.node.layer.name for tensor in inputs))
    flat = keras.Model(inputs, tf.nest.pack_sequence_as(model.output, outputs), name=model.name)
    result = keras.models.clone_model(flat)
    result.set_weights(flat.get_weights())
    return result


def _refuse_hidden(model: KerasModel, who: str) -> None:
    graph = getattr(model, "_nodes_by_depth", None)
    if graph is None:
        raise refuse(
            f"{who} cannot follow the model {model.name}",
            expected="a built Sequential or functional tf_keras model",
            got=f"{type(model).__name__}, a subclassed or unbuilt model, whose graph is hidden in its code",
            fix="build the same network with the functional API, or as a Sequential that begins with an Input",
        )
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            _refuse_hidden(layer, who)
        elif not _can_be_copied(layer):
            raise refuse(
                f"{who} cannot copy the layer {layer.name}",
                expected="layers and activations that Keras can build again from their configuration",
                got=f"{type(layer).__name__} with {getattr(layer, 'activation', 'a configuration')!r}",
                fix="use an activation of keras.activations, by its name",
            )


def _can_be_copied(layer: KerasLayer) -> bool:
    try:
        type(layer).from_config(layer.get_config())
    except (TypeError, ValueError, NotImplementedError):
        return False
    return True


def _called(model: KerasModel, tensors: list[Tensor], named: dict[str, Any]) -> list[Tensor]:
    """Call the layers of `model` one by one on `tensors`, opening models inside it. Returns its outputs.

    `named` has the layer that each name belongs to; a layer whose name is another's gets one of its own.
    """
    known = {str(id(old)): new for old, new in zip(model.inputs, tensors, strict=True)}
    for depth in sorted(model._nodes_by_depth, reverse=True):  # noqa: SLF001 - Keras 2 shows the order of a graph only here
        for node in model._nodes_by_depth[depth]:  # noqa: SLF001
            if node.is_input:
                continue
            waiting = {key: [value] * len(node.keras_inputs) for key, value in known.items()}  # one may be read twice
            arguments, options = node.map_arguments(waiting)
            layer = node.layer
            if isinstance(layer, keras.Model):
                outputs = _called(layer, tf.nest.flatten(arguments), named)
            else:
                layer._name = _own_name(layer, model.name, named)  # noqa: SLF001 - a layer of our own copy
                named[layer.name] = layer
                outputs = tf.nest.flatten(layer(*arguments, **options))
            known.update(zip((str(key) for key in node.flat_output_ids), outputs, strict=True))
    return [known[str(id(tensor))] for tensor in model.outputs]


def _own_name(layer: KerasLayer, model: str, named: dict[str, Any]) -> str:
    """Return the name of a layer; where another layer has it, with the model's before it, and numbered if need be."""
    inside = f"{model}_{layer.name}"
    names = chain([str(layer.name), inside], (f"{inside}_{number}" for number in count(2)))
    return next(name for name in names if named.get(name, layer) is layer)
