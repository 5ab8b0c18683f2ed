"""A small float file with names, converted once, and images that it can be judged on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from featherline.tasks.litert.convert import convert
from featherline.tasks.litert.interpreter import FileRunner
from featherline.tasks.networks.framework import keras
from tests.tasks.exported import exported, small_model

__all__ = ["exported", "small_model"]


@dataclass(frozen=True)
class Small:
    """A float file of two convolutions, a depthwise one and a dense layer, and what it is judged on."""

    file: bytes
    images: NDArray[np.float32]
    labels: NDArray[np.int64]
    """What the file itself answers, so that it gets all of them right."""


@pytest.fixture(scope="session")
def small() -> Small:
    """Give a network with weights that were drawn, and 60 images of noise."""
    keras.utils.set_random_seed(3)
    layers = keras.layers
    image = keras.Input((8, 8, 2))
    stream = layers.Conv2D(8, 3, activation="relu", name="first")(image)
    stream = layers.DepthwiseConv2D(3, name="deep")(stream)
    stream = layers.Conv2D(8, 1, activation="relu", name="second")(stream)
    network = keras.Model(image, layers.Dense(4, name="last")(layers.GlobalAveragePooling2D()(stream)))
    file = convert(network, "float32")
    images = np.random.default_rng(0).normal(size=(60, 8, 8, 2)).astype(np.float32)
    return Small(file, images, FileRunner(file).predict(images).argmax(axis=1))
