"""Trained networks such as users bring, that were made for another problem."""

from __future__ import annotations

from typing import Any

import pytest

from featherline.tasks.networks.framework import keras

L = keras.layers


@pytest.fixture
def gated() -> Any:
    """Give a network of seven answers: a pooled gate within, a pooling before its end, a softmax."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3), name="image")
    x = L.ReLU()(L.BatchNormalization(name="stem_bn")(L.Conv2D(8, 3, padding="same", name="stem")(inputs)))
    gate = L.GlobalAveragePooling2D(keepdims=True, name="gate_pool")(x)
    gate = L.Conv2D(8, 1, activation="sigmoid", name="gate")(gate)
    x = L.MaxPooling2D(name="half")(L.Multiply()([x, gate]))
    x = L.ReLU()(L.BatchNormalization(name="last_bn")(L.Conv2D(16, 3, name="last")(x)))
    x = L.GlobalAveragePooling2D(name="pool")(x)
    x = L.Dropout(0.3)(L.Dense(12, activation="relu", name="hidden")(x))
    return keras.Model(inputs, L.Dense(7, activation="softmax", name="answers")(x))


@pytest.fixture
def flattened() -> Any:
    """Give a network whose only pooling stands at its beginning, before what looks at neighbours."""
    inputs = keras.Input((8, 8, 3))
    x = L.MaxPooling2D(name="stem_pool")(L.Conv2D(4, 3, padding="same", name="stem")(inputs))
    x = L.Conv2D(4, 3, name="last")(x)
    return keras.Model(inputs, L.Dense(7, name="answers")(L.Flatten()(x)))
