"""ResNet for small images: stages of residual blocks; by default three of basic blocks, 6n + 2 layers deep.

image ──► conv w ──► n blocks w ──► n blocks 2w, half size ──► n blocks 4w, quarter size ──► mean ──► logits
                      └─────── 1x1 projection where the shape changes, else identity ───────┘
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from featherline.tasks.networks.framework import KerasModel, Tensor, keras
from featherline.tasks.networks.zoo.blocks import LAYERS, conv, depthwise, head
from featherline.tasks.networks.zoo.options import KERNELS, Options

STAGES = 3
LAYERS_PER_BLOCK = 2


def resnet(
    input_shape: tuple[int, int, int],
    classes: int,
    *,
    depth: int = 20,
    width: int = 16,
    stem: int | None = None,
    widths: Sequence[int] | None = None,
    depths: Sequence[int] | None = None,
    block: str = "basic",
    kernel: int = 3,
) -> KerasModel:
    """Build a ResNet.

    Args:
        input_shape: (height, width, channels) of an image.
        classes: Logits.
        depth: Layers with weights, projections apart: 6n + 2, n blocks a stage.
        width: Channels of the first stage; each later one has twice those of the one before.
        stem: Channels of the first convolution, a multiple of 8; those of the first stage where absent.
        widths: Channels of each stage, multiples of 8, instead of `width`; three stages or another number.
        depths: Blocks of each stage, instead of `depth`; as many numbers as there are stages.
        block: `basic`, two convolutions; or `separable`, two pairs of a depthwise convolution and one of 1x1.
        kernel: Side of the kernels in the blocks, 3 or 5.

    Raises:
        Refused: An option breaks one of these rules.

    Source: He et al. 2015, section 4.2, https://arxiv.org/abs/1512.03385; of the separable block: Howard et al. 2017,
    section 3.1, https://arxiv.org/abs/1704.04861
    """
    options = Options("resnet")
    if depths is None:
        _check_depth(options, depth)
    else:
        options.wholes("depths", depths)
    options.whole("width", width)
    if stem is not None:
        options.whole("stem", stem, least=8, multiple=8)
    if widths is not None:
        options.wholes("widths", widths, least=8, multiple=8)
    options.one_of("block", block, BLOCKS)
    options.one_of("kernel", kernel, KERNELS)
    options.check()
    counts = (depth - 2) // (STAGES * LAYERS_PER_BLOCK)
    stages = len(widths) if widths is not None else STAGES if depths is None else len(depths)
    channels = [width * 2**stage for stage in range(stages)] if widths is None else list(widths)
    blocks = [counts] * len(channels) if depths is None else depths
    same = len(blocks) == len(channels)
    options.require("depths", list(blocks), holds=same, expected=f"a number for each of the {len(channels)} stages")
    options.check()
    inputs = keras.Input(input_shape)
    x = conv(inputs, channels[0] if stem is None else stem)
    for stage, (made, count) in enumerate(zip(channels, blocks, strict=True)):
        for number in range(count):
            x = _residual(x, BLOCKS[block], made, kernel, 2 if stage and not number else 1)
    return keras.Model(inputs, head(x, classes), name="resnet")


def _check_depth(options: Options, depth: int) -> None:
    per_block = STAGES * LAYERS_PER_BLOCK
    if options.whole("depth", depth, least=per_block + 2):
        lower = depth - (depth - 2) % per_block
        options.require(
            "depth",
            depth,
            holds=lower == depth,
            expected="a depth of 6n + 2 (8, 14, 20, 26, 32, ...)",
            fix=f"take {lower} or {lower + per_block}",
        )


def _residual(x: Tensor, branch: Callable[[Any, int, int, int], Any], width: int, kernel: int, stride: int) -> Tensor:
    """Add a branch to what came in; a change of shape goes through a projection."""
    straight = x
    x = branch(x, width, kernel, stride)
    if stride > 1 or straight.shape[-1] != width:
        straight = conv(straight, width, kernel=1, stride=stride, relu=False)
    return LAYERS.ReLU()(LAYERS.Add()([x, straight]))


def _basic(x: Tensor, width: int, kernel: int, stride: int) -> Tensor:
    return conv(conv(x, width, kernel, stride), width, kernel, relu=False)


def _separable(x: Tensor, width: int, kernel: int, stride: int) -> Tensor:
    x = conv(depthwise(x, kernel, stride), width, kernel=1)
    return conv(depthwise(x, kernel), width, kernel=1, relu=False)


BLOCKS: dict[str, Callable[[Any, int, int, int], Any]] = {"basic": _basic, "separable": _separable}
