"""Training for four bits: every kernel acts as its rounded self, and learns behind it.

    kernel ──► rounded to 15 values a channel ──► layer          forward
       ▲                                            │
       └───────── gradient, as if not rounded ◄─────┘            backward

TFMOT's own N-bit scheme has no way into a file of four bits (TFMOT 0.8.1). Here the trained kernels lie on the very
grid that litert-quantizer finds by min-max, so that the rounding of `export` changes nothing: the largest weight of a
channel is seven steps, and folding the normalisation behind it scales the channel as a whole. Activations are not
rounded in training; their ranges are calibrated by `export`.

Source: Bengio et al. 2013, section 4, https://arxiv.org/abs/1308.3432 (the gradient passes the rounding unchanged)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from featherline.tasks.networks.framework import KerasLayer, KerasModel, Tensor, keras, tf
from featherline.tasks.networks.graph import functional

LEVELS = 7
"""Steps on either side of zero: of the sixteen values of four bits the lowest is not used, so that signs are even."""


def rounded(kernel: Tensor, *, by_channel: bool = True) -> Tensor:
    """Round weights to a grid of at most 15 values around zero; the gradient passes as if they were not rounded.

    Args:
        kernel: (…, out).
        by_channel: One step for each output channel, the largest of its absolute values over seven; else one for all.

    Returns:
        As `kernel`. What is on the grid stays as it is; a channel of zeros stays one.
    """
    axes = list(range(kernel.shape.rank - 1)) if by_channel else None
    step = tf.stop_gradient(tf.reduce_max(tf.abs(kernel), axis=axes, keepdims=True)) / LEVELS
    nearest = tf.round(tf.math.divide_no_nan(kernel, step)) * step
    return kernel + tf.stop_gradient(nearest - kernel)


class RoundedConv2D(keras.layers.Conv2D):
    """A convolution whose kernel acts rounded, a step for each output channel."""

    keep: Any = 1.0
    """What the rounded kernel is multiplied by: 0 where a weight is to stay zero."""

    def convolution_op(self, inputs: Tensor, kernel: Tensor) -> Tensor:
        """Convolve with the rounded kernel."""
        return super().convolution_op(inputs, self.keep * rounded(kernel))


class RoundedDense(keras.layers.Dense):
    """A dense layer whose kernel acts rounded, one step for all: TensorFlow Lite Micro has no other of four bits."""

    keep: Any = 1.0

    def call(self, inputs: Tensor) -> Tensor:
        """Multiply by the rounded kernel."""
        outputs = keras.backend.dot(inputs, self.keep * rounded(self.kernel, by_channel=False))
        return self.activation(outputs if self.bias is None else tf.nn.bias_add(outputs, self.bias))


ROUNDED: dict[Any, Any] = {keras.layers.Conv2D: RoundedConv2D, keras.layers.Dense: RoundedDense}
"""Layers that have int4 weights in the file; all others keep what they are."""


def int4_while_training(model: KerasModel, *, keep_zeros: bool) -> KerasModel:
    """Return a copy of `model` whose convolutions and dense layers act rounded to four bits.

    Args:
        model: A functional or Sequential tf_keras model. It stays as it is.
        keep_zeros: Whether weights that are zero stay zero.
    """
    flat = functional(model, "quantize")

    def twin(layer: KerasLayer) -> KerasLayer:
        return ROUNDED.get(type(layer), type(layer)).from_config(layer.get_config())

    copy = keras.models.clone_model(flat, clone_function=twin)
    copy.set_weights(flat.get_weights())
    if keep_zeros:
        for layer in copy.layers:
            if type(layer) in ROUNDED.values():
                layer.keep = tf.constant((layer.kernel.numpy() != 0).astype(np.float32))
    return copy


def strip_int4(trained: KerasModel, model: KerasModel) -> KerasModel:
    """Return the trained model with plain layers, its kernels rounded for good.

    Args:
        trained: Of `int4_while_training`.
        model: What it was made of. It stays as it is.
    """
    plain = keras.models.clone_model(functional(model, "quantize"))
    plain.set_weights(trained.get_weights())
    for layer, twin in zip(plain.layers, trained.layers, strict=True):
        if type(twin) in ROUNDED.values():
            by_channel = type(twin) is RoundedConv2D
            layer.kernel.assign(twin.keep * rounded(twin.kernel, by_channel=by_channel))
    return plain
