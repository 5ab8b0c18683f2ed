"""Networks of a few operators, as values, whose quantities a person can work out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from featherline.tasks.litert.graph import Graph, Operator, Tensor


@pytest.fixture
def network() -> Graph:
    """Give an int8 network: a 3x3 convolution to 4 channels, a 3x3 depthwise one, an addition, a dense layer.

    (1, 8, 8, 2) ──► conv ──► (1, 4, 4, 4) ──► depthwise ──► add (to its own input) ──► dense ──► (1, 10)
    """
    kernel = np.full((4, 3, 3, 2), 5, np.int8)
    kernel[0] = 7  # the zero point
    return Graph(
        tensors=(
            tensor((1, 8, 8, 2)),
            tensor((4, 3, 3, 2), kernel, zero_point=7),
            tensor((4,), np.arange(4, dtype=np.int32)),
            tensor((1, 4, 4, 4)),
            tensor((1, 3, 3, 4), np.arange(36, dtype=np.int8).reshape(1, 3, 3, 4) - 18),
            tensor((1, 4, 4, 4)),
            tensor((1, 4, 4, 4)),
            tensor((10, 64), np.ones((10, 64), np.int8)),
            tensor((1, 10)),
        ),
        operators=(
            Operator("CONV_2D", (0, 1, 2), (3,)),
            Operator("DEPTHWISE_CONV_2D", (3, 4, -1), (5,)),
            Operator("ADD", (3, 5), (6,)),
            Operator("FULLY_CONNECTED", (6, 7, -1), (8,)),
        ),
        inputs=(0,),
        outputs=(8,),
        minimum_runtime="1.14.0",
    )


def tensor(shape: tuple[int, ...], constant: NDArray[Any] | None = None, zero_point: int = 0) -> Tensor:
    """Return an int8 tensor, or a constant of its own type."""
    dtype = np.dtype(np.int8) if constant is None else constant.dtype
    return Tensor("", shape, dtype, constant, np.ones(1, np.float32), np.array([zero_point]))


def flat(shape: tuple[int, ...], constant: NDArray[Any] | None = None) -> Tensor:
    """Return a float32 tensor, or a constant of its own type, not quantized."""
    dtype = np.dtype(np.float32) if constant is None else constant.dtype
    return Tensor("", shape, dtype, constant, np.zeros(0, np.float32), np.zeros(0, np.int64))
