"""A plain convolutional network: for each width a convolution and a pooling to half size, then a dense layer."""

from __future__ import annotations

from collections.abc import Sequence

from featherline.tasks.networks.framework import KerasModel, keras
from featherline.tasks.networks.zoo.blocks import LAYERS, conv
from featherline.tasks.networks.zoo.options import Options


def cnn(
    input_shape: tuple[int, int, int],
    classes: int,
    *,
    widths: Sequence[int] = (16, 32, 64),
    dense: int = 64,
) -> KerasModel:
    """Build a plain network.

    Args:
        input_shape: (height, width, channels) of an image.
        classes: Logits.
        widths: Channels of each convolution. An image of less than 2 pixels is not pooled further.
        dense: Units between the pooled features and the logits; 0 leaves the layer out.

    Raises:
        Refused: A width is not positive, or `dense` is negative.
    """
    options = Options("cnn")
    options.wholes("widths", widths)
    options.whole("dense", dense, least=0)
    options.check()
    inputs = x = keras.Input(input_shape)
    for width in widths:
        x = conv(x, width)
        if min(x.shape[1:3]) > 1:
            x = LAYERS.MaxPooling2D()(x)
    x = LAYERS.GlobalAveragePooling2D()(x)
    if dense:
        x = LAYERS.Dense(dense, activation="relu", kernel_initializer="he_normal")(x)
    return keras.Model(inputs, LAYERS.Dense(classes, kernel_initializer="he_normal")(x), name="cnn")
