"""Small networks whose channels a person can follow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from featherline.tasks.networks.framework import keras

L = keras.layers


def scrambled(model: Any) -> Any:
    """Give every weight of a model a random value, batch normalisation statistics included."""
    generator = np.random.default_rng(0)
    model.set_weights([generator.uniform(0.5, 1.5, weight.shape) for weight in model.get_weights()])
    return model


@pytest.fixture
def residual() -> Any:
    """Give a network with a residual sum: `stem` and `second` share their 16 channels, `first` has 24 of its own."""
    inputs = keras.Input((8, 8, 3), name="image")
    stem = L.ReLU()(L.BatchNormalization(name="stem_bn")(L.Conv2D(16, 3, padding="same", name="stem")(inputs)))
    inner = L.ReLU()(L.BatchNormalization(name="first_bn")(L.Conv2D(24, 3, padding="same", name="first")(stem)))
    inner = L.BatchNormalization(name="second_bn")(L.Conv2D(16, 3, padding="same", name="second")(inner))
    x = L.GlobalAveragePooling2D()(L.ReLU()(L.Add()([stem, inner])))
    return scrambled(keras.Model(inputs, L.Dense(10, name="logits")(x)))


@pytest.fixture
def everything() -> Any:
    """Give a network with every kind of layer that channels are followed through."""
    inputs = keras.Input((8, 8, 2), name="image")
    left = L.LeakyReLU()(L.Conv2D(16, 3, padding="same", use_bias=False, name="left")(inputs))
    right = L.PReLU(shared_axes=[1, 2])(
        L.SeparableConv2D(24, 3, padding="same", depth_multiplier=2, name="right")(inputs)
    )
    both = L.Concatenate(name="both")([left, right])
    both = L.BatchNormalization()(L.DepthwiseConv2D(3, padding="same", depth_multiplier=2, name="depthwise")(both))
    gate = L.Reshape((1, 1, 80))(L.GlobalMaxPooling2D()(both))
    gate = L.Conv2D(16, 1, activation="relu", name="squeeze")(gate)
    gate = L.Conv2D(80, 1, activation="sigmoid", name="excite")(gate)
    x = L.Multiply(name="gated")([both, gate])
    x = L.Dropout(0.1)(L.ZeroPadding2D()(L.MaxPooling2D()(L.ELU()(x))))
    x = L.AveragePooling2D(3)(L.UpSampling2D()(L.Cropping2D(1)(x)))
    x = L.SeparableConv2D(32, 1, name="narrow")(x)
    x = L.Dense(48, activation="tanh", name="dense")(L.Flatten()(x))
    return scrambled(keras.Model(inputs, L.Dense(10, name="logits")(x)))
