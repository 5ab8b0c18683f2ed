"""What an untrained network lets guess of its quality: cheap scores that filter trials, and never choose one.

network, fresh weights ──┬─► naswot   how differently it sees the examples of a batch
                         └─► synflow  how much flows through its weights; no example is looked at

Both leave the weights as they were. More is better. Whether they say anything about a space is measured: the log of a
search has the rank correlation of each with the trained quality.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.networks.framework import KerasLayer, KerasModel, Tensor, keras, tf
from featherline.tasks.networks.inputs import Fed, input_specs
from featherline.tasks.networks.layer_kinds.table import KERNEL_NAMES, activation_of, kind_behind, name_of

RECTIFIERS = {"relu", "relu6"}
EXAMPLES = 64
"""Of the train split, evenly spaced, that naswot looks at, fewer of large ones; 128 in the paper."""


def synflow(model: KerasModel) -> float:
    """Return the sum over all kernels of `w * dR/dw`: R is the sum of the logits of an example of ones.

    All weights count by their absolute value, normalisation by its moving statistics. R grows by orders of magnitude
    with each layer: the score of a deep model in float32 is not finite.

    Source: Tanaka et al. 2020, equation 2, https://arxiv.org/abs/2006.05467
    """
    before = model.get_weights()
    model.set_weights([np.abs(weight) for weight in before])
    kernels = [weight for weight in model.trainable_weights if name_of(weight) in KERNEL_NAMES]
    ones = tf.nest.map_structure(
        lambda spec: tf.ones(spec.shape, spec.dtype if spec.dtype.is_integer else model.compute_dtype),
        input_specs(model, batch=1),
    )
    with tf.GradientTape() as tape:
        flow = tf.add_n([tf.reduce_sum(each) for each in tf.nest.flatten(model(ones, training=False))])
    gradients = tape.gradient(flow, kernels, unconnected_gradients="zero")
    score = sum(float(tf.reduce_sum(kernel * gradient)) for kernel, gradient in zip(kernels, gradients, strict=True))
    model.set_weights(before)
    return score


def synflow_at_any_depth(model: KerasModel, build: Callable[[], Any]) -> float:
    """Return the score of the model, computed in float64 only where float32 is too small: that costs a second build."""
    score = synflow(model)
    if math.isfinite(score):
        return score
    twin = in_float64(build)
    twin.set_weights(model.get_weights())
    return synflow(twin)


def in_float64(build: Callable[[], Any]) -> KerasModel:
    """Return what `build` gives when layers compute in float64."""
    usual = keras.backend.floatx()
    keras.backend.set_floatx("float64")
    try:
        return build()
    finally:
        keras.backend.set_floatx(usual)


def naswot(model: KerasModel, examples: Fed) -> float | None:
    """Return the logarithm of the determinant of K: in how many rectifiers do two examples agree.

    Args:
        model: With fresh weights; normalisation takes the statistics of the batch.
        examples: (n, ...), as the model takes them: of a sole input, or several by name.

    Returns:
        Minus infinity where two examples are seen alike everywhere; None where the network has no rectifier that is a
            layer of its own or a layer's activation.

    Source: Mellor et al. 2021, equations 1 and 2, https://arxiv.org/abs/2006.04647
    """
    nodes = [node for nodes in model._nodes_by_depth.values() for node in nodes]  # noqa: SLF001 - all calls of layers
    outputs = [node.outputs for node in nodes if _rectifies(node.layer)]
    if not outputs:
        return None
    before = model.get_weights()
    # Counted within the network, so that what a layer gives is free again before the last one is computed.
    counts = [_Agreeing(dtype="float32")(output) for output in tf.nest.flatten(outputs)]
    seen = tf.nest.flatten(keras.Model(model.inputs, counts)(examples, training=True))
    model.set_weights(before)
    return log_determinant([np.asarray(each) for each in seen])


class _Agreeing(keras.layers.Layer):
    """Of what rectifiers give, (n, …): in how many of them do two examples agree, (n, n)."""

    def call(self, outputs: Tensor) -> Tensor:
        """Count; exact in float32 for up to 2^24 rectifiers."""
        return agreeing(outputs > 0)


def agreeing(code: Tensor) -> Tensor:
    """Return (n, n), in how many bits of a code (n, …) the rows i and j are the same."""
    bits = tf.cast(tf.reshape(code, [tf.shape(code)[0], -1]), tf.float32)
    both, ones = tf.matmul(bits, bits, transpose_b=True), tf.reduce_sum(bits, axis=1)
    return 2 * both + tf.cast(tf.shape(bits)[1], tf.float32) - ones[:, tf.newaxis] - ones[tf.newaxis, :]


def log_determinant(counts: list[NDArray[np.float32]]) -> float:
    """Return log |K|, K the sum of counts (n, n) of bits that are the same; minus infinity where it is singular."""
    sign, logarithm = np.linalg.slogdet(np.sum(counts, axis=0, dtype=np.float64))
    return float(logarithm) if sign > 0 else -math.inf


def evenly(total: int, count: int = EXAMPLES) -> NDArray[np.intp]:
    """Return the places of so many of all examples, evenly spaced, since neighbours may be of one class."""
    return np.linspace(0, total - 1, min(count, total)).astype(np.intp)


def _rectifies(layer: KerasLayer) -> bool:
    kind = kind_behind(layer)
    return (kind is not None and kind.rectifies) or activation_of(layer) in RECTIFIERS
