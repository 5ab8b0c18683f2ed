"""How far what flows through a trained network is from what its batch normalisation remembers of its own training.

Moving means and variances are those of the activations that the network was trained on. Fed otherwise, by another
scale or mean, activations have others, in the first layer already; fed as in its training, they are near them even
where the examples are of another kind. So inputs can be judged without an answer of the network, and without a label.

Source: Li et al. 2016, https://arxiv.org/abs/1603.04779 (that the statistics hold what the domain is)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.networks.framework import KerasLayer, KerasModel, Tensor, keras, tf
from featherline.tasks.networks.inputs import Fed, as_tensors, in_batches

BATCH = 16
"""Examples at once: all activations of one batch may be in memory."""

Moments = list[tuple[NDArray[np.float64], NDArray[np.float64]]]


def normalisations(model: KerasModel) -> list[KerasLayer]:
    """Return the batch normalisations of a flat model that have seen examples, called once, over the last axis."""
    return [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization) and _can_tell(layer)]


def distance_of_statistics(model: KerasModel, inputs: Fed) -> float:
    """Return how far activations are from the stored statistics, in nats: 0 where they are equal.

    Args:
        model: A flat model with at least one of `normalisations`.
        inputs: As the model takes them, at least one.

    Returns:
        The symmetric Kullback-Leibler divergence of two normal distributions, the median over a layer's channels, the
        mean over layers. Without training behaviour.
    """
    layers = normalisations(model)
    distances = []
    for layer, (mean, variance) in zip(layers, _moments(model, layers, inputs), strict=True):
        stored_mean = np.asarray(layer.moving_mean, np.float64)
        stored = np.asarray(layer.moving_variance, np.float64) + layer.epsilon
        now, apart = variance + layer.epsilon, (mean - stored_mean) ** 2
        distances.append(float(np.median(((now + apart) / stored + (stored + apart) / now) / 2 - 1)))
    return float(np.mean(distances))


def _moments(model: KerasModel, layers: Sequence[KerasLayer], inputs: Fed) -> Moments:
    """Return mean and variance by channel of what each layer takes."""
    read = keras.Model(model.inputs, [layer.input for layer in layers])

    @tf.function(reduce_retracing=True)
    def sums(batch: Fed) -> list[tuple[Tensor, Tensor, Tensor]]:
        taken = [tf.cast(values, tf.float32) for values in tf.nest.flatten(read(batch, training=False))]
        return [
            (tf.size(x[..., 0]), tf.reduce_sum(x, _places(x)), tf.reduce_sum(tf.square(x), _places(x))) for x in taken
        ]

    parts = [sums(as_tensors(batch)) for batch in in_batches(inputs, BATCH)]
    moments = []
    for of_layer in zip(*parts, strict=True):
        count, total, squares = (
            np.sum([np.asarray(part, np.float64) for part in each], axis=0) for each in zip(*of_layer, strict=True)
        )
        moments.append((total / count, np.maximum(squares / count - (total / count) ** 2, 0)))
    return moments


def _places(values: Tensor) -> list[int]:
    return list(range(len(values.shape) - 1))


def _can_tell(layer: KerasLayer) -> bool:
    fresh = not np.asarray(layer.moving_mean).any() and bool((np.asarray(layer.moving_variance) == 1).all())
    once = len(layer.inbound_nodes) == 1
    return once and not fresh and list(layer.axis) == [len(layer.input.shape) - 1]
