"""The end of a model that another wrote: logits, whatever it gave before.

    … ──► Dense ──► softmax ──► (identity, reshape)        the softmax is taken off
    … ──► Dense(1) ──► sigmoid                              two logits, z/2 less and z/2 more: the same probabilities
    … ──► a model within the model                          the same, within it

Probabilities that stay are never taken for logits: whatever made them, their sum is 1.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from featherline.tasks.contracts.refusal import Refused, refuse
from featherline.tasks.contracts.safe_text import visible
from featherline.tasks.networks.framework import KerasLayer, KerasModel, Tensor, keras, tf
from featherline.tasks.networks.inputs import as_tensors, filled

LAYERS = keras.layers

UNCHANGED = (LAYERS.Dropout, LAYERS.Flatten, LAYERS.Reshape, LAYERS.SpatialDropout2D, LAYERS.GaussianNoise)
"""Layers that give the numbers that they take, when nothing is learnt."""

SHAPES_ALONE = {"identity", "cast", "reshape", "squeeze", "expand_dims", "convert_to_tensor"}
"""The last word of a TensorFlow operation that gives the numbers that it takes."""

SOFTMAX = {"softmax", "log_softmax"}
"""Of logits and of logarithms of probabilities; both give the same answers and the same cross entropy."""

PROBES = 4
SUM_TOLERANCE = 0.01


class _End(NamedTuple):
    """Where the logits are, and what lies behind them."""

    logits: Tensor
    taken_off: str
    """The activation, `softmax` or `sigmoid`; nothing where there was none."""
    layer: str
    moved: bool = False
    """Whether something lies behind the activation that was taken off."""


def to_logits(model: KerasModel, name: str, answers: int) -> KerasModel:
    """Return a model that gives (n, answers) logits: the model itself where it does already.

    Args:
        model: Functional or sequential, one input, one output of (n, answers); of (n, 1) where there are two.
        name: Of the file or the builder, for messages.
        answers: How many there are to choose from.

    Raises:
        Refused: It ends in another activation, or in probabilities that cannot be taken apart.
    """
    end = _end(model.outputs[0], name)
    single = answers == 2 and model.output_shape[-1] == 1  # noqa: PLR2004 - one number for two answers
    if end.taken_off == "sigmoid" and not single:
        raise _other_end(name, end.layer, "sigmoid")
    if end.taken_off in SOFTMAX and single:
        raise _other_end(name, end.layer, "softmax over one number, which is always 1")
    output = end.logits
    if single:
        output = _two(output, end)
        print(f"{visible(name)}: its one number stands for two answers; the model now gives a logit for each")
    elif end.taken_off:
        print(f"{visible(name)}: the {end.taken_off} of {visible(end.layer)} was taken off, the model now gives logits")
    changed = model if output is model.outputs[0] else keras.Model(model.inputs, output, name=model.name)
    _refuse_probabilities(changed, name)
    return changed


def _end(tensor: Tensor, name: str) -> _End:
    """Return where the logits of an output are, looking back over what leaves numbers as they are."""
    layer, node = tensor._keras_history.layer, _node(tensor)  # noqa: SLF001 - the only way from a tensor to its layer
    if isinstance(layer, keras.Model):
        inner = _end(layer.outputs[0], name)
        if not inner.taken_off:
            return inner._replace(logits=tensor)
        logits = keras.Model(layer.inputs, inner.logits, name=layer.name)
        return inner._replace(logits=logits(node.keras_inputs[0]), moved=True)
    activation = _activation(layer, node, name)
    if activation:
        return _End(_without(layer, node), activation, _called(layer))
    if not _unchanged(layer) or len(node.keras_inputs) != 1:
        return _End(tensor, "", _called(layer))
    before = _end(node.keras_inputs[0], name)
    if not before.taken_off:
        return before._replace(logits=tensor)
    return before._replace(logits=_again(layer, node, before.logits), moved=True)


def _again(layer: KerasLayer, node: Any, tensor: Tensor) -> Any:  # noqa: ANN401
    """Return what a layer gives for another tensor, called as it was."""
    if not _operation(layer):
        return layer(tensor)
    (old,) = node.keras_inputs
    args, kwargs = tf.nest.map_structure(
        lambda each: tensor if each is old else each, (node.call_args, node.call_kwargs)
    )
    return layer(*args, **kwargs)


def _called(layer: KerasLayer) -> str:
    return f"{type(layer).__name__} {layer.name}"


def _node(tensor: Tensor) -> Any:  # noqa: ANN401
    history = tensor._keras_history  # noqa: SLF001
    return history.layer._inbound_nodes[history.node_index]  # noqa: SLF001


def _activation(layer: KerasLayer, node: Any, name: str) -> str:  # noqa: ANN401
    """Return the activation that a layer ends in: of those that can be taken off, or nothing where it is linear.

    Raises:
        Refused: Any other.
    """
    operation = _operation(layer)
    if isinstance(layer, LAYERS.Softmax) or operation in SOFTMAX or operation == "sigmoid":
        _refuse_other_axis(layer, node, name)
        return operation or "softmax"
    activation = getattr(layer, "activation", None)
    kind = getattr(activation, "__name__", str(activation))
    if activation is None or kind == "linear":
        if isinstance(layer, LAYERS.ReLU):
            raise _other_end(name, _called(layer), "relu")
        return ""
    if kind in SOFTMAX or kind == "sigmoid":
        return kind
    raise _other_end(name, _called(layer), kind)


def _operation(layer: KerasLayer) -> str:
    """Return the last word of the TensorFlow operation that a layer is, such as `softmax` of `nn.softmax`."""
    return str(getattr(layer, "symbol", "")).rpartition(".")[2] if type(layer).__name__ == "TFOpLambda" else ""


def _without(layer: KerasLayer, node: Any) -> Any:  # noqa: ANN401
    """Return what a layer gives without its activation."""
    (taken,) = tf.nest.flatten(node.keras_inputs)
    if isinstance(layer, LAYERS.Activation | LAYERS.Softmax) or _operation(layer):
        return taken
    layer.activation = keras.activations.linear
    return layer(taken)


def _unchanged(layer: KerasLayer) -> bool:
    return isinstance(layer, (*UNCHANGED, LAYERS.Activation)) or _operation(layer) in SHAPES_ALONE


def _two(output: Any, end: _End) -> Any:  # noqa: ANN401
    """Return two logits, -z/2 and z/2, of one number z: a softmax over them is the sigmoid of z."""
    last = output._keras_history.layer  # noqa: SLF001
    halves = np.array([[-0.5, 0.5]], np.float32)
    if isinstance(last, LAYERS.Dense) and not end.moved:
        weights = [weight @ halves if weight.ndim > 1 else weight * halves[0] for weight in last.get_weights()]
        two = LAYERS.Dense(2, use_bias=last.use_bias, name=f"{last.name}_of_two")
        taken = _node(output).keras_inputs[0]
    else:
        weights, taken = [halves], output
        two = LAYERS.Dense(2, use_bias=False, name="two_logits")
    logits = two(taken)
    two.set_weights(weights)
    return logits


def _refuse_probabilities(model: KerasModel, name: str) -> None:
    """Refuse a model whose outputs are probabilities still: positive, and 1 in all for any example."""
    generator = np.random.default_rng(0)
    inputs = filled(model, PROBES, lambda shape: generator.uniform(0, 255, shape))
    given = np.asarray(model(as_tensors(inputs), training=False), np.float64)
    if given.shape[-1] > 1 and (given >= 0).all() and np.allclose(given.sum(axis=-1), 1, atol=SUM_TOLERANCE):
        last = model.outputs[0]._keras_history.layer  # noqa: SLF001
        raise _other_end(name, _called(last), "probabilities: none is negative, and their sum is 1")


def _refuse_other_axis(layer: KerasLayer, node: Any, name: str) -> None:  # noqa: ANN401
    axis = node.call_kwargs.get("axis", getattr(layer, "axis", -1))
    rank = len(tf.nest.flatten(node.keras_inputs)[0].shape)
    if axis not in (None, -1, rank - 1):
        raise _other_end(name, _called(layer), f"softmax over the axis {axis}")


def _other_end(name: str, layer: str, what: str) -> Refused:
    return refuse(
        f"{name} does not end in logits or a softmax over the answers",
        expected="a last layer with linear or softmax activation, or one number with a sigmoid for two answers",
        got=f"{layer} with {what}",
        fix="train the model with logits or a softmax at its end",
    )
