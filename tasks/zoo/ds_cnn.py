"""Depthwise separable network, as MobileNet and the keyword spotter DS-CNN are built.

image ──► conv stem ──► [depthwise, 1x1 conv to width] for each width ──► mean ──► logits
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tasks.framework import keras
from tasks.zoo.blocks import conv, depthwise, head
from tasks.zoo.options import Options


def ds_cnn(
    input_shape: tuple[int, int, int],
    classes: int,
    *,
    stem: int = 32,
    widths: Sequence[int] = (64, 64, 128, 128),
    strides: Sequence[int] = (1, 2, 1, 2),
    stem_stride: int = 1,
    kernel: int = 3,
) -> Any:  # noqa: ANN401
    """Build a depthwise separable network.

    Args:
        input_shape: (height, width, channels) of an image.
        classes: Logits.
        stem: Channels of the first, full convolution; a multiple of 8, as every width: CPU kernels work in eights.
        widths: Channels of each block.
        strides: Of each block, 1 or 2; as many as there are widths.
        stem_stride: Of the first convolution, 1 or 2.
        kernel: Side of the depthwise kernels, odd.

    Raises:
        Refused: An option breaks one of these rules.

    Source: Howard et al. 2017, table 1, https://arxiv.org/abs/1704.04861; Zhang et al. 2017,
    https://arxiv.org/abs/1711.07128
    """
    options = Options("ds_cnn")
    options.whole("stem", stem, least=8, multiple=8)
    if options.wholes("widths", widths, least=8, multiple=8) & options.wholes("strides", strides):
        same = len(strides) == len(widths)
        options.require("strides", list(strides), holds=same, expected=f"a stride for each of the {len(widths)} widths")
    for index, stride in enumerate(strides if isinstance(strides, Sequence) else ()):
        options.require(f"strides[{index}]", stride, holds=stride in {1, 2}, expected="1 or 2")
    options.require("stem_stride", stem_stride, holds=stem_stride in {1, 2}, expected="1 or 2")
    if options.whole("kernel", kernel):
        options.require("kernel", kernel, holds=kernel % 2 == 1, expected="an odd number")
    options.check()
    inputs = keras.Input(input_shape)
    x = conv(inputs, stem, stride=stem_stride)
    for width, stride in zip(widths, strides, strict=True):
        x = conv(depthwise(x, kernel, stride), width, kernel=1)
    return keras.Model(inputs, head(x, classes), name="ds_cnn")
