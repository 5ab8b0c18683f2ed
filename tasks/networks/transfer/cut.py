"""Where a trained network ends and its head begins.

    input ──► … ──► last pooling ──► | Flatten, Dropout, Dense, softmax      a network for another problem
    input ──► … ──► last pooling     |                                       one that was saved without its head
    input ──► … ──► feature map      |                                       likewise, and without pooling

A pooling counts where all that reaches the output goes through it, which that of a gate or of a branch does not, and
where only a head comes after it: layers that look at several places of their input are no part of a head. So a network
whose only pooling stands at its beginning is not cut down to that.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from featherline.tasks.contracts.refusal import Refused, examples, refuse
from featherline.tasks.networks.framework import KerasLayer, KerasModel, Tensor, keras, tf

L = keras.layers

POOLINGS = tuple(
    getattr(L, f"{kind}{rank}D")
    for kind in ("GlobalAveragePooling", "GlobalMaxPooling", "AveragePooling", "MaxPooling")
    for rank in (1, 2, 3)
)
POOLING_OPERATIONS = {"reduce_mean", "reduce_max", "avg_pool", "max_pool", "avg_pool2d", "max_pool2d"}
"""The last word of TensorFlow operations that do the same."""

OF_A_HEAD = (L.Dense, L.BatchNormalization, L.LayerNormalization, L.GroupNormalization, L.PReLU)
"""Layers with weights that may come behind the last pooling; and convolutions of one place over one place."""

MAP = 3
"""Axes of a map of features: batch, at least one of places, channels."""


def features_of(model: KerasModel, name: str, cut: str | None = None) -> tuple[Tensor, str]:
    """Return where a network is cut: a tensor of its graph, and what that is, for people.

    Args:
        model: A flat functional model of one output.
        name: Of the file, for messages.
        cut: The layer behind which it is cut; where absent, the last pooling; where the network gives a map of
            features already, its end.

    Raises:
        Refused: The layer is not there, gives several outputs or is called several times; or there is no pooling behind
            which only a head comes.
    """
    if cut is not None:
        return _named(model, name, cut), f"the layer {cut}"
    nodes = _in_order(model)
    for place in range(len(nodes) - 1, -1, -1):
        node = nodes[place]
        if _pools(node.layer) and _all_go_through(model, nodes, node):
            if all(_of_a_head(each.layer, each) for each in nodes[place + 1 :]):
                return node.outputs, f"its last pooling, {node.layer.name}"
            break
    if len(model.outputs[0].shape) >= MAP:
        return model.outputs[0], "its end, which is a map of features"
    raise refuse(
        f"{name} cannot get a new head",
        expected="a pooling that all goes through, and behind it a head alone, which ends where model.head.cut says "
        "otherwise",
        got=f"none: it ends in {examples(node.layer.name for node in nodes[:-6:-1])}, from its last layer back",
        fix="set model.head: {cut: LAYER}, the last layer whose features the new head shall read",
    )


def _named(model: KerasModel, name: str, cut: str) -> Tensor:
    nodes = [node for node in _in_order(model) if node.layer.name == cut]
    if not nodes:
        raise _absent(model, name, cut)
    outputs = tf.nest.flatten(nodes[0].outputs)
    if len(nodes) > 1 or len(outputs) > 1:
        got = f"{len(outputs)} outputs" if len(outputs) > 1 else f"a layer that is called {len(nodes)} times"
        raise refuse(
            f"{name} cannot be cut behind {cut}",
            expected="a layer that is called once and gives one output",
            got=got,
            fix="set model.head.cut to a layer before or behind it",
        )
    return outputs[0]


def _absent(model: KerasModel, name: str, cut: str) -> Refused:
    names = [layer.name for layer in model.layers if not isinstance(layer, L.InputLayer)]
    return refuse(
        f"{name} cannot be cut behind {cut}",
        expected="the name of one of its layers (model.head.cut)",
        got=cut,
        fix=close_matches(cut, names),
    )


def close_matches(word: str, names: Sequence[str]) -> str:
    """Return which layers may have been meant; where none is like it, the last ones."""
    close = get_close_matches(word, names, n=3, cutoff=0.6)
    return f"did you mean {' or '.join(close)}?" if close else f"its last layers: {examples(names[:-6:-1])}"


def _in_order(model: KerasModel) -> list[Any]:
    """Return the calls of all layers but those of the inputs, each after what it takes."""
    depths = model._nodes_by_depth  # noqa: SLF001 - Keras 2 shows the order of a graph only here
    return [node for depth in sorted(depths, reverse=True) for node in depths[depth] if not node.is_input]


def _all_go_through(model: KerasModel, nodes: Sequence[Any], only: Any) -> bool:  # noqa: ANN401 - a node of tf_keras
    """Return whether nothing reaches the output from the inputs without this call."""
    reached = {id(tensor) for tensor in model.inputs}
    for node in nodes:
        if node is not only and any(id(tensor) in reached for tensor in tf.nest.flatten(node.keras_inputs)):
            reached |= {id(tensor) for tensor in tf.nest.flatten(node.outputs)}
    return id(model.outputs[0]) not in reached


def _pools(layer: KerasLayer) -> bool:
    symbol = str(getattr(layer, "symbol", "")) if type(layer).__name__ == "TFOpLambda" else ""
    return isinstance(layer, POOLINGS) or symbol.rpartition(".")[2] in POOLING_OPERATIONS


def _of_a_head(layer: KerasLayer, node: Any) -> bool:  # noqa: ANN401
    """Return whether a layer may stand in a head: without weights, dense, or looking at one place alone."""
    if not layer.weights or isinstance(layer, OF_A_HEAD):
        return True
    sizes = tf.nest.flatten(getattr(layer, "kernel_size", ()))
    places = tf.nest.flatten(node.keras_inputs)[0].shape[1:-1]
    return set(sizes) == {1} and all(place == 1 for place in places)
