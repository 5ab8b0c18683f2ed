"""The pieces that the builders share: convolutions without bias, each with its batch normalisation."""

from __future__ import annotations

from featherline.tasks.networks.framework import Tensor, keras

LAYERS = keras.layers

MOMENTUM = 0.9
"""Of the moving statistics: Keras' own 0.99 lags far behind the weights where an epoch has ten steps."""


def conv(x: Tensor, width: int, kernel: int = 3, stride: int = 1, *, relu: bool = True) -> Tensor:
    """Convolve to `width` channels, normalise, and rectify where asked. He normal, same padding, no bias."""
    x = LAYERS.Conv2D(width, kernel, stride, "same", use_bias=False, kernel_initializer="he_normal")(x)
    x = LAYERS.BatchNormalization(momentum=MOMENTUM)(x)
    return LAYERS.ReLU()(x) if relu else x


def depthwise(x: Tensor, kernel: int = 3, stride: int = 1) -> Tensor:
    """Convolve each channel by itself, normalise and rectify."""
    x = LAYERS.DepthwiseConv2D(kernel, stride, "same", use_bias=False, depthwise_initializer="he_normal")(x)
    x = LAYERS.BatchNormalization(momentum=MOMENTUM)(x)
    return LAYERS.ReLU()(x)


def head(x: Tensor, classes: int) -> Tensor:
    """Average over the image and give the logits."""
    x = LAYERS.GlobalAveragePooling2D()(x)
    return LAYERS.Dense(classes, kernel_initializer="he_normal")(x)
