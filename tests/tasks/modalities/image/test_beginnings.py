"""Whether a model brings the scaling of its inputs with it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from featherline.tasks.modalities.image.beginnings import takes_bytes
from featherline.tasks.networks.framework import keras, tf

L = keras.layers


def network(*firsts: Any) -> Any:
    """Return a network for colours that begins with these layers or functions."""
    x = inputs = L.Input((8, 8, 3))
    for first in firsts:
        x = first(x)
    return keras.Model(inputs, L.Dense(2)(L.GlobalAveragePooling2D()(L.Conv2D(2, 3)(x))))


def normalization(mean: float, variance: float) -> Any:
    """Return a layer with the statistics of its data."""
    return L.Normalization(mean=[mean] * 3, variance=[variance] * 3)


def adapted() -> Any:
    """Return a layer that has seen bytes."""
    layer = L.Normalization()
    layer.adapt(np.random.default_rng(0).uniform(0, 255, (50, 8, 8, 3)).astype(np.float32))
    return layer


def model_of(*layers: Any) -> Any:
    """Return these layers as a model of its own."""
    return keras.Sequential([L.Input((8, 8, 3)), *layers])


@pytest.mark.parametrize(
    ("name", "firsts"),
    [
        ("to one", [L.Rescaling(1 / 255)]),
        ("about zero", [L.Rescaling(1 / 127.5, offset=-1)]),
        ("normalised", [normalization(120, 4000)]),
        ("adapted", [adapted()]),
        ("both", [L.Rescaling(1 / 255), normalization(0.45, 0.06)]),
        ("after augmentation", [L.RandomFlip("horizontal"), L.RandomRotation(0.1), L.Rescaling(1 / 255)]),
        ("augmentation between", [L.Rescaling(1 / 255), L.RandomFlip("horizontal"), normalization(0.45, 0.06)]),
        ("after a nested augmentation", [model_of(L.RandomFlip("horizontal")), L.Rescaling(1 / 255)]),
        ("in a model", [model_of(L.Rescaling(1 / 255), L.Conv2D(2, 3))]),
        ("an operation", [lambda x: x / 255.0]),
        ("operations", [lambda x: (tf.cast(x, tf.float32) - 127.5) * (1 / 127.5)]),
        ("caffe's", [lambda x: keras.applications.resnet50.preprocess_input(x) / 127.5]),
        ("mobilenet's", [keras.applications.mobilenet_v2.preprocess_input]),
    ],
)
def test_a_scaling_of_bytes_is_seen(name: str, firsts: list[Any]) -> None:
    """As a layer, an operation, within a model, before and after what only moves pixels."""
    assert takes_bytes(network(*firsts)), name


def test_bytes_less_a_mean_are_bytes() -> None:
    """`preprocess_input` of ResNet and VGG turns the channels round and subtracts ImageNet's mean."""
    assert takes_bytes(network(keras.applications.resnet.preprocess_input))
    assert not takes_bytes(network(lambda x: x - 0.5))


@pytest.mark.parametrize(
    ("name", "firsts"),
    [
        ("nothing", []),
        ("of 0 to 1", [L.Rescaling(2.0, offset=-1)]),
        ("of 0 to 1 by its statistics", [normalization(0.45, 0.06)]),
        ("after a convolution", [L.Conv2D(3, 3), L.Rescaling(1 / 255)]),
        ("on one of two ways", [lambda x: L.Add()([L.Rescaling(1 / 255)(x), x])]),
        ("batch normalisation", [L.BatchNormalization()]),
    ],
)
def test_what_does_not_say_how_bytes_come_in_is_measured(name: str, firsts: list[Any]) -> None:
    """A scaling of 0..1 says that something scaled before it; one inside the network is the network's."""
    assert not takes_bytes(network(*firsts)), name
