"""What the loss would change if a channel were masked, to first order, on real examples.

    examples ──► loss ──► gradients ──► (sum over a channel's weights of gradient x weight)^2, mean over batches

The sum is the gradient of a gate on the channel. It is taken behind batch normalisation where there is one, from its
scale and offset, because that is where a removed channel is missing. Batch normalisation works with its statistics, not
with the batch: with the batch's own, a convolution before it can be scaled at will, and its sums would all be zero.

Source: Molchanov et al. 2019, section 3.1, equation 8, https://arxiv.org/abs/1906.10771
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.compression.pruning.importance import Scores
from featherline.tasks.networks.framework import KerasLayer, KerasModel, Tensor, tf
from featherline.tasks.networks.inputs import Fed
from featherline.tasks.networks.layer_kinds.kind import Weight
from featherline.tasks.networks.layer_kinds.table import kind_of, known_weights, made_last, maker_of
from featherline.tasks.problems.opening_learning import open_learning

BATCH = 64
"""Examples of a small input that one gradient is the mean of; fewer of large ones (`networks.inputs.batch_size`)."""


def gate_importance(
    model: KerasModel, batches: Iterable[tuple[Fed, NDArray[Any]]], problem: str = "classification"
) -> dict[str, Scores]:
    """Return what the layers with gates think of each channel that they give, by name.

    Args:
        model: A flat functional model.
        batches: Of examples as the model takes them, of a sole input or several by name, with their labels, (n, …).
        problem: Whose loss it is.
    """
    gates = {layer.name: weights for layer in model.layers if (weights := _gate(layer))}
    variables = [variable for weights in gates.values() for variable, _ in weights]
    learning = open_learning(problem)

    def gradients(batch: Tensor, truth: Tensor) -> Tensor:
        with tf.GradientTape() as tape:
            tape.watch(variables)
            loss = learning.loss(truth, model(batch, training=False))
        return tape.gradient(loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    traced = tf.function(gradients, reduce_retracing=True)
    sums = {name: np.zeros(model.get_layer(name).output_shape[-1]) for name in gates}
    seen = 0
    for seen, (inputs, labels) in enumerate(batches, 1):  # noqa: B007 - how many there were
        slopes = iter(traced(inputs, labels))
        for name, weights in gates.items():
            width = len(sums[name])
            sums[name] += sum(_by_channel(variable * next(slopes), known, width) for variable, known in weights) ** 2
    return {name: total / seen for name, total in sums.items()}


def _gate(layer: KerasLayer) -> list[tuple[Tensor, Weight | None]]:
    """Return the weights that together scale a layer's channels, or nothing where another layer's do it better."""
    kind, place = kind_of(layer), maker_of(layer)
    if kind is not None and kind.has_batch_statistics:
        return [(layer.gamma, None), (layer.beta, None)] if layer.scale and layer.center else []
    behind = [node.layer for node in layer.outbound_nodes]
    if place is None or (len(behind) == 1 and _is_gated(behind[0])):
        return []
    bias = [(layer.bias, None)] if getattr(layer, "use_bias", False) else []
    return [(layer.weights[place], known_weights(layer)[place]), *bias]


def _is_gated(layer: KerasLayer) -> bool:
    """Return whether a layer is a batch normalisation with a scale and an offset."""
    kind = kind_of(layer)
    return kind is not None and kind.has_batch_statistics and bool(_gate(layer))


def _by_channel(products: Tensor, known: Weight | None, width: int) -> NDArray[np.float64]:
    """Sum over all axes but the channels."""
    values = np.asarray(products, np.float64)
    values = values if known is None else made_last(values, known)
    sums: NDArray[np.float64] = values.reshape(-1, width).sum(0)
    return sums
