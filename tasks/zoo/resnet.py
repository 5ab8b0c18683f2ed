"""ResNet for small images: three stages of basic blocks, 6n + 2 layers deep.

image ──► conv w ──► n blocks w ──► n blocks 2w, half size ──► n blocks 4w, quarter size ──► mean ──► logits
                      └─────── 1x1 projection where the shape changes, else identity ───────┘
"""

from __future__ import annotations

from typing import Any

from tasks.framework import keras
from tasks.zoo.blocks import LAYERS, conv, head
from tasks.zoo.options import Options

STAGES = 3
LAYERS_PER_BLOCK = 2


def resnet(input_shape: tuple[int, int, int], classes: int, *, depth: int = 20, width: int = 16) -> Any:  # noqa: ANN401
    """Build a ResNet.

    Args:
        input_shape: (height, width, channels) of an image.
        classes: Logits.
        depth: Layers with weights, projections apart: 6n + 2, n blocks a stage.
        width: Channels of the first stage; each later one has twice those of the one before.

    Raises:
        Refused: `depth` is not 6n + 2, or `width` is no positive whole number.

    Source: He et al. 2015, section 4.2, https://arxiv.org/abs/1512.03385
    """
    options = Options("resnet")
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
    options.whole("width", width)
    options.check()
    inputs = keras.Input(input_shape)
    x = conv(inputs, width)
    for stage in range(STAGES):
        for block in range((depth - 2) // per_block):
            x = _block(x, width * 2**stage, 2 if stage and not block else 1)
    return keras.Model(inputs, head(x, classes), name="resnet")


def _block(x: Any, width: int, stride: int) -> Any:  # noqa: ANN401
    """Add two convolutions to what came in; a change of shape goes through a projection."""
    straight = x
    x = conv(x, width, stride=stride)
    x = conv(x, width, relu=False)
    if stride > 1 or straight.shape[-1] != width:
        straight = conv(straight, width, kernel=1, stride=stride, relu=False)
    return LAYERS.ReLU()(LAYERS.Add()([x, straight]))
