"""MobileNet-like network: stages of inverted residuals, or of the separable blocks that came before them.

image ──► conv stem ──► stage of blocks ──► stage, half size ──► … ──► [1x1 conv features] ──► mean ──► logits

inverted   x ──► 1x1 to expansion * channels ──► depthwise ──► 1x1 to width, not rectified ──► + x where shapes agree
separable  x ──► depthwise ──► 1x1 to width
"""

from __future__ import annotations

from collections.abc import Sequence

from featherline.tasks.networks.framework import KerasModel, Tensor, keras
from featherline.tasks.networks.zoo.blocks import LAYERS, conv, depthwise, head
from featherline.tasks.networks.zoo.options import KERNELS, Options

BLOCKS = ("inverted", "separable")


def mobilenet(
    input_shape: tuple[int, int, int],
    classes: int,
    *,
    stem: int = 16,
    widths: Sequence[int] = (16, 24, 32, 64),
    depths: Sequence[int] = (1, 2, 2, 2),
    block: str = "inverted",
    kernel: int = 3,
    expansion: int = 6,
    features: int = 0,
    stem_stride: int = 1,
) -> KerasModel:
    """Build a MobileNet for small images: the stem keeps the size, every stage but the first halves it.

    Activations are ReLU, not the ReLU6 of the paper: the ranges of an int8 file are calibrated, not assumed.

    Args:
        input_shape: (height, width, channels) of an image.
        classes: Logits.
        stem: Channels of the first, full convolution; a multiple of 8, as every width.
        widths: Channels of each stage.
        depths: Blocks of each stage, as many numbers as there are stages.
        block: `inverted`, as in MobileNetV2; or `separable`, as in MobileNet, which has no residuals.
        kernel: Side of the depthwise kernels, 3 or 5.
        expansion: Of inverted blocks: channels of the depthwise convolution over those that come in. At 1 the
            convolution before it is left out.
        features: Channels of a last 1x1 convolution, a multiple of 8; 0 leaves it out.
        stem_stride: Of the first convolution, 1 or 2.

    Raises:
        Refused: An option breaks one of these rules.

    Source: Sandler et al. 2018, tables 1 and 2, https://arxiv.org/abs/1801.04381; Howard et al. 2017, table 1,
    https://arxiv.org/abs/1704.04861
    """
    options = Options("mobilenet")
    options.whole("stem", stem, least=8, multiple=8)
    if options.wholes("widths", widths, least=8, multiple=8) & options.wholes("depths", depths):
        same = len(depths) == len(widths)
        options.require("depths", list(depths), holds=same, expected=f"a number for each of the {len(widths)} stages")
    options.one_of("block", block, BLOCKS)
    options.one_of("kernel", kernel, KERNELS)
    options.whole("expansion", expansion)
    options.whole("features", features, least=0, multiple=8)
    options.one_of("stem_stride", stem_stride, (1, 2))
    options.check()
    inputs = keras.Input(input_shape)
    x = conv(inputs, stem, stride=stem_stride)
    for stage, (width, count) in enumerate(zip(widths, depths, strict=True)):
        for number in range(count):
            stride = 2 if stage and not number else 1
            if block == "inverted":
                x = _inverted(x, width, kernel, stride, expansion)
            else:
                x = conv(depthwise(x, kernel, stride), width, kernel=1)
    if features:
        x = conv(x, features, kernel=1)
    return keras.Model(inputs, head(x, classes), name="mobilenet")


def _inverted(x: Tensor, width: int, kernel: int, stride: int, expansion: int) -> Tensor:
    """Widen, convolve each channel by itself, narrow without a rectifier; add what came in where the shape stays."""
    straight = x
    if expansion > 1:
        x = conv(x, expansion * x.shape[-1], kernel=1)
    x = conv(depthwise(x, kernel, stride), width, kernel=1, relu=False)
    return LAYERS.Add()([x, straight]) if stride == 1 and straight.shape[-1] == width else x
