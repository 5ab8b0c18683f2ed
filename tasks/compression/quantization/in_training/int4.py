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

from featherline.tasks.contracts.refusal import Problem, Refused
from featherline.tasks.networks.framework import KerasLayer, KerasModel, Tensor, keras, tf
from featherline.tasks.networks.graph import functional
from featherline.tasks.networks.layer_kinds.table import KINDS, has_unknown_weights, kind_of

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


ROUNDED: dict[Any, Any] = {twin.__base__: twin for twin in (RoundedConv2D, RoundedDense)}
"""Layers that have int4 weights in the file, by the class that each is the twin of; others keep what they are."""


def int4_while_training(model: KerasModel, *, keep_zeros: bool) -> KerasModel:
    """Return a copy of `model` whose convolutions and dense layers act rounded to four bits.

    Args:
        model: A functional or Sequential tf_keras model. It stays as it is.
        keep_zeros: Whether weights that are zero stay zero.

    Raises:
        Refused: Layers whose kernels nothing here rounds to four bits, each by name.
    """
    flat = functional(model, "quantize")
    check_int4(flat)

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
            kind = kind_of(layer)
            by_channel = kind is not None and kind.int4 == "channel"
            layer.kernel.assign(twin.keep * rounded(twin.kernel, by_channel=by_channel))
    return plain


def check_int4(model: KerasModel) -> None:
    """Refuse a flat model that has layers with kernels which would stay as they are, unless that is the custom.

    Raises:
        Refused: Each such layer, by name.
    """
    kinds = ((layer, kind_of(layer)) for layer in model.layers)
    left = [
        layer
        for layer, kind in kinds
        if (kind is None and has_unknown_weights(layer))
        or (kind is not None and kind.int4 is None and kind.kernels(layer))
    ]
    if left:
        raise Refused(
            *(
                Problem(
                    f"quantize cannot round the layer {layer.name} to four bits in training",
                    ", ".join(kind.layer.__name__ for kind in KINDS.values() if kind.int4),
                    f"a {type(layer).__name__}",
                    "set quantize.scheme to an int8 one or dynamic_wi8_afp32, or replace the layer",
                )
                for layer in left
            )
        )
