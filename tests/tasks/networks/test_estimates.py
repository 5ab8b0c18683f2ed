"""Estimates against files that are really converted and loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from featherline.tasks.contracts.model import Architecture
from featherline.tasks.litert import flatbuffer
from featherline.tasks.litert.convert import convert
from featherline.tasks.litert.graph import read_graph
from featherline.tasks.measuring.peak_ram import MicroArena
from featherline.tasks.networks.estimates import int8_bytes, operators, peak_ram_bytes
from featherline.tasks.networks.framework import keras
from featherline.tasks.networks.zoo.build import build


def network(builder: str, shape: tuple[int, int, int], **options: Any) -> Any:
    """Return a network whose folded biases are not all 0."""
    keras.backend.clear_session()
    model = build(Architecture(builder=builder, options=options), shape, 10)
    generator = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.beta.assign(generator.normal(size=layer.beta.shape))
    return model


def separable() -> Any:
    """Return a network of separable convolutions, with and without normalisation, half of it in a model of its own."""
    layers = keras.layers
    keras.backend.clear_session()
    keras.utils.set_random_seed(0)
    inner = keras.Sequential([keras.Input((16, 16, 3)), layers.SeparableConv2D(8, 3, padding="same")], name="inner")
    x = inputs = keras.Input((16, 16, 3))
    for width, stride, multiplier in ((40, 1, 1), (40, 2, 1), (24, 1, 2), (72, 2, 1)):
        x = inner(x) if x is inputs else x
        options = {"strides": stride, "depth_multiplier": multiplier, "padding": "same", "use_bias": width == 40}
        x = layers.BatchNormalization(beta_initializer="ones")(layers.SeparableConv2D(width, 3, **options)(x))
        x = layers.ReLU()(x)
    return keras.Model(inputs, layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))


def file_and_arena(model: Any, folder: Path) -> tuple[int, int]:
    """Return the bytes of the packed int8 file, and of the arena that TensorFlow Lite Micro really takes for it."""
    calibration = np.random.default_rng(0).normal(size=(8, *model.input_shape[1:])).astype(np.float32)
    data = flatbuffer.pack(flatbuffer.unpack(convert(model, "int8", calibration)))
    arena, method = MicroArena(data, read_graph(data), folder).used_bytes()
    assert method == "tflite-micro"
    return len(data), arena


def test_a_separable_convolution_is_two_operators(tmp_path: Path) -> None:
    """Its depthwise half has a scale for each channel too, and a tensor between; within 5 % of what is measured."""
    model = separable()

    size, arena = file_and_arena(model, tmp_path)

    assert int8_bytes(model) == pytest.approx(size, rel=0.05)
    assert peak_ram_bytes(model) == pytest.approx(arena, rel=0.05)
    assert [operator.shape[-1] for operator in operators(model)] == [3, 8, 8, 40, 40, 40, 80, 24, 24, 72, 72, 10]
    assert [operator.inputs for operator in operators(model)] == [(number,) for number in range(-1, 11)]


def over_steps(*layers_of_it: Any) -> Any:
    """Return a network of 32 steps of 32 numbers."""
    layers = keras.layers
    return keras.Sequential([keras.Input((32, 32)), *layers_of_it, layers.GlobalAveragePooling1D(), layers.Dense(5)])


def attentive() -> Any:
    """Return a network in which 32 steps attend to each other."""
    inputs = keras.Input((32, 32))
    seen = keras.layers.MultiHeadAttention(4, 16)(inputs, inputs)
    return keras.Model(inputs, over_steps()(seen))


@pytest.mark.parametrize(
    "model",
    [
        over_steps(keras.layers.Conv1D(64, 3, activation="relu"), keras.layers.Conv1D(64, 3, activation="relu")),
        over_steps(keras.layers.LSTM(64, return_sequences=True)),
        over_steps(keras.layers.Conv1DTranspose(64, 3, strides=2)),
        attentive(),
    ],
    ids=["convolutions", "recurrent", "transposed", "attentive"],
)
def test_the_file_of_a_network_over_steps_is_near_its_estimate(model: Any) -> None:
    """The weights are counted, and the rest is taken to be as of convolutions and dense layers: within a quarter."""
    calibration = np.random.default_rng(0).normal(size=(8, 32, 32)).astype(np.float32)

    size = len(flatbuffer.pack(flatbuffer.unpack(convert(model, "int8", calibration))))

    assert int8_bytes(model) == pytest.approx(size, rel=0.25)


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

    size, arena = file_and_arena(model, tmp_path)

    assert int8_bytes(model) == pytest.approx(size, rel=0.05)
    assert peak_ram_bytes(model) == pytest.approx(arena, rel=0.05)


def test_normalisation_and_activation_fold_into_the_convolution() -> None:
    """A block of two convolutions and a sum is three operators; its sum takes the stem and the second convolution."""
    run = operators(network("resnet", (8, 8, 1), depth=8, width=4))

    assert [type(operator.layer).__name__ for operator in run[:4]] == ["Conv2D", "Conv2D", "Conv2D", "Add"]
    assert [operator.inputs for operator in run[:4]] == [(-1,), (0,), (1,), (2, 0)]
    assert [operator.output_bytes for operator in run[:4]] == [8 * 8 * 4] * 4
