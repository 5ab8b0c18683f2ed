"""Depthwise separable network, as MobileNet and the keyword spotter DS-CNN are built.

image ──► conv stem ──► [depthwise, 1x1 conv to width] for each width ──► mean ──► logits
"""

from __future__ import annotations

from collections.abc import Sequence

from featherline.tasks.networks.framework import KerasModel, keras
from featherline.tasks.networks.zoo.blocks import conv, depthwise, head
from featherline.tasks.networks.zoo.options import Options


def ds_cnn(
    input_shape: tuple[int, int, int],
    classes: int,
    *,
    stem: int = 32,
    width: int = 64,
    blocks: int = 4,
    widths: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
    stem_stride: int = 1,
    kernel: int = 3,
) -> KerasModel:
    """Build a depthwise separable network.

    Args:
        input_shape: (height, width, channels) of an image.
        classes: Logits.
        stem: Channels of the first, full convolution; a multiple of 8, as every width: CPU kernels work in eights.
        width: Channels of the first two blocks; each later two have twice those of the two before.
        blocks: How many there are.
        widths: Channels of each block, instead of `width` and `blocks`.
        strides: Of each block, 1 or 2, as many as there are blocks; every second block has 2 where absent.
        stem_stride: Of the first convolution, 1 or 2.
        kernel: Side of the depthwise kernels, odd.

    Raises:
        Refused: An option breaks one of these rules.

    Source: Howard et al. 2017, table 1, https://arxiv.org/abs/1704.04861; Zhang et al. 2017,
    https://arxiv.org/abs/1711.07128
    """
    options = Options("ds_cnn")
    options.whole("stem", stem, least=8, multiple=8)
    options.require("stem_stride", stem_stride, holds=stem_stride in {1, 2}, expected="1 or 2")
    if options.whole("kernel", kernel):
        options.require("kernel", kernel, holds=kernel % 2 == 1, expected="an odd number")
    if widths is not None:
        options.wholes("widths", widths, least=8, multiple=8)
    elif options.whole("width", width, least=8, multiple=8) & options.whole("blocks", blocks):
        widths = [width * 2 ** (block // 2) for block in range(blocks)]
    options.check()
    widths = list(widths or ())
    strides = [1 + block % 2 for block in range(len(widths))] if strides is None else strides
    _check_strides(options, widths, strides)
    inputs = keras.Input(input_shape)
    x = conv(inputs, stem, stride=stem_stride)
    for channels, stride in zip(widths, strides, strict=True):
        x = conv(depthwise(x, kernel, stride), channels, kernel=1)
    return keras.Model(inputs, head(x, classes), name="ds_cnn")


def _check_strides(options: Options, widths: Sequence[int], strides: Sequence[int]) -> None:
    if options.wholes("strides", strides):
        same = len(strides) == len(widths)
        options.require("strides", list(strides), holds=same, expected=f"a stride for each of the {len(widths)} blocks")
        for index, stride in enumerate(strides):
            options.require(f"strides[{index}]", stride, holds=stride in {1, 2}, expected="1 or 2")
    options.check()
