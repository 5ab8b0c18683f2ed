"""Estimates against files that are really converted and loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.contracts.model import Architecture
from tasks.framework import keras
from tasks.litert import flatbuffer
from tasks.litert.convert import convert
from tasks.litert.graph import read_graph
from tasks.measuring.peak_ram import MicroArena
from tasks.searching.estimates import int8_bytes, operators, peak_ram_bytes
from tasks.zoo.build import build


def network(builder: str, shape: tuple[int, int, int], **options: Any) -> Any:
    """Return a network whose folded biases are not all 0."""
    keras.backend.clear_session()
    model = build(Architecture(builder=builder, options=options), shape, 10)
    generator = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.beta.assign(generator.normal(size=layer.beta.shape))
    return model


@pytest.mark.parametrize(
    ("builder", "shape", "options"),
    [
        ("resnet", (16, 16, 3), {"depth": 14, "width": 8}),
        ("cnn", (16, 16, 1), {"widths": [8, 24]}),
        ("ds_cnn", (16, 16, 3), {"stem": 8, "widths": [24, 48], "strides": [2, 1]}),
        ("mobilenet", (16, 16, 3), {"stem": 8, "widths": [16, 24, 32], "depths": [1, 2, 2], "expansion": 4}),
        ("resnet", (16, 16, 3), {"widths": [16, 24], "depths": [2, 1], "block": "separable", "kernel": 5}),
    ],
)
def test_estimates_are_near_what_is_measured(
    builder: str, shape: tuple[int, int, int], options: dict[str, Any], tmp_path: Path
) -> None:
    """The int8 file is within 5 % of the estimate, the arena of TensorFlow Lite Micro too."""
    model = network(builder, shape, **options)
    calibration = np.random.default_rng(0).normal(size=(8, *shape)).astype(np.float32)

    data = flatbuffer.pack(flatbuffer.unpack(convert(model, "int8", calibration)))
    arena, method = MicroArena(data, read_graph(data), tmp_path).used_bytes()

    assert method == "tflite-micro"
    assert int8_bytes(model) == pytest.approx(len(data), rel=0.05)
    assert peak_ram_bytes(model) == pytest.approx(arena, rel=0.05)


def test_normalisation_and_activation_fold_into_the_convolution() -> None:
    """A block of two convolutions and a sum is three operators; its sum takes the stem and the second convolution."""
    run = operators(network("resnet", (8, 8, 1), depth=8, width=4))

    assert [type(operator.layer).__name__ for operator in run[:4]] == ["Conv2D", "Conv2D", "Conv2D", "Add"]
    assert [operator.inputs for operator in run[:4]] == [(-1,), (0,), (1,), (2, 0)]
    assert [operator.output_bytes for operator in run[:4]] == [8 * 8 * 4] * 4
