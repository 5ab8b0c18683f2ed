"""Files such as users bring."""

from __future__ import annotations

from typing import Any

import pytest

from featherline.tasks.networks.framework import keras


@pytest.fixture
def model() -> Any:
    """Give a network of each kind of layer that matters, with a softmax at its end."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    inputs = keras.Input((8, 8, 1))
    x = straight = layers.Conv2D(4, 3, padding="same", kernel_regularizer="l2")(inputs)
    x = layers.BatchNormalization()(x)
    x = layers.LeakyReLU(0.1)(x)
    x = layers.Add()([x, straight])
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.5)(x)
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(x))
