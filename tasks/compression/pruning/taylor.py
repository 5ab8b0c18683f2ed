"""What the loss would change if a channel were masked, to first order, on real images.

    images ──► loss ──► gradients ──► (sum over a channel's weights of gradient x weight)^2, mean over batches

The sum is the gradient of a gate on the channel. It is taken behind batch normalisation where there is one, from its
scale and offset, because that is where a removed channel is missing. Batch normalisation works with its statistics, not
with the batch: with the batch's own, a convolution before it can be scaled at will, and its sums would all be zero.

Source: Molchanov et al. 2019, section 3.1, equation 8, https://arxiv.org/abs/1906.10771
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.compression.pruning.importance import Scores
from featherline.tasks.networks.framework import KerasLayer, KerasModel, Tensor, keras, tf

L = keras.layers
BATCH = 64


def gate_importance(model: KerasModel, images: NDArray[np.float32], labels: NDArray[np.int64]) -> dict[str, Scores]:
    """Return what the layers with gates think of each channel that they give, by name.

    Args:
        model: A flat functional model that gives logits.
        images: (n, height, width, channels), as the model takes them.
        labels: (n,).
    """
    gates = {layer.name: weights for layer in model.layers if (weights := _gate(layer))}
    variables = [variable for weights in gates.values() for variable in weights]

    def gradients(batch: Tensor, truth: Tensor) -> Tensor:
        with tf.GradientTape() as tape:
            tape.watch(variables)
            logits = model(batch, training=False)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=truth, logits=logits))
        return tape.gradient(loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    traced = tf.function(gradients, reduce_retracing=True)
    sums = {name: np.zeros(model.get_layer(name).output_shape[-1]) for name in gates}
    starts = range(0, len(labels), BATCH)
    for start in starts:
        slopes = iter(traced(images[start : start + BATCH], labels[start : start + BATCH]))
        for name, weights in gates.items():
            width = len(sums[name])
            sums[name] += sum(_by_channel(weight * next(slopes), width) for weight in weights) ** 2
    return {name: total / len(starts) for name, total in sums.items()}


def _gate(layer: KerasLayer) -> list[Tensor]:
    """Return the weights that together scale a layer's channels, or nothing where another layer's do it better."""
    if type(layer) is L.BatchNormalization:
        return [layer.gamma, layer.beta] if layer.scale and layer.center else []
    behind = [node.layer for node in layer.outbound_nodes]
    if len(behind) == 1 and type(behind[0]) is L.BatchNormalization and _gate(behind[0]):
        return []
    bias = [layer.bias] if getattr(layer, "use_bias", False) else []
    if type(layer) in (L.Conv2D, L.Dense):
        return [layer.kernel, *bias]
    if type(layer) is L.SeparableConv2D:
        return [layer.pointwise_kernel, *bias]
    if type(layer) is L.DepthwiseConv2D:
        return [layer.depthwise_kernel, *bias]
    return []


def _by_channel(products: Tensor, width: int) -> NDArray[np.float64]:
    """Sum over all axes but the channels: the last one; the last two of a depthwise kernel."""
    sums: NDArray[np.float64] = np.asarray(products, np.float64).reshape(-1, width).sum(0)
    return sums
