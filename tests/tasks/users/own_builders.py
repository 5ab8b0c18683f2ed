"""Builders such as users write: what each network is, is its function's docstring."""

from __future__ import annotations

import os
import signal
from typing import Any

import numpy as np

from featherline.tasks.networks.framework import keras

L = keras.layers


def _ended(inputs: Any, tensor: Any, classes: int) -> Any:
    return keras.Model(inputs, L.Dense(classes)(L.GlobalAveragePooling2D()(tensor)))


def _convolved(tensor: Any, width: int) -> Any:
    convolved = L.Conv2D(width, 3, padding="same", use_bias=False)(tensor)
    return L.ReLU()(L.BatchNormalization()(convolved))


def plain(shape: tuple[int, int, int], classes: int) -> Any:
    """Nothing that any technique trips over."""
    inputs = L.Input(shape)
    return _ended(inputs, _convolved(_convolved(inputs, 16), 16), classes)


def mixed(shape: tuple[int, int, int], classes: int) -> Any:
    """Mixed precision, set for all that comes and never set back."""
    keras.mixed_precision.set_global_policy("mixed_float16")
    inputs = L.Input(shape)
    model = _ended(inputs, _convolved(inputs, 16), classes)
    return keras.Model(inputs, L.Activation("linear", dtype="float32")(model(inputs)))


def inner_mixed(shape: tuple[int, int, int], classes: int) -> Any:
    """A model inside, in mixed precision."""
    inputs = L.Input(shape)
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        inner_inputs = L.Input(shape)
        inner = keras.Model(inner_inputs, _convolved(inner_inputs, 16))
    finally:
        keras.mixed_precision.set_global_policy("float32")
    return _ended(inputs, inner(inputs), classes)


def unrounded(shape: tuple[int, int, int], classes: int) -> Any:
    """A PReLU, which no training for int8 covers, and an ELU, which stays float in an int8 file."""
    inputs = L.Input(shape)
    activated = L.PReLU(shared_axes=[1, 2])(L.Conv2D(16, 3, padding="same")(inputs))
    return _ended(inputs, L.Conv2D(16, 3, activation="elu")(activated), classes)


def with_lambda(shape: tuple[int, int, int], classes: int) -> Any:
    """A Lambda, which is code in a file."""
    inputs = L.Input(shape)
    return _ended(inputs, L.Lambda(lambda tensor: tensor / 2.0, name="half")(_convolved(inputs, 16)), classes)


class Shift(L.Layer):
    """A layer of the user's own, without a matrix product and without weights."""

    def call(self, inputs: Any) -> Any:
        """Add one."""
        return inputs + 1.0


def with_own_layer(shape: tuple[int, int, int], classes: int) -> Any:
    """A layer of the user's own, which nobody can read back without the user's code."""
    inputs = L.Input(shape)
    return _ended(inputs, Shift(name="shift")(_convolved(inputs, 16)), classes)


def with_attention(shape: tuple[int, int, int], classes: int) -> Any:
    """Attention of each place to all others."""
    inputs = L.Input(shape)
    tokens = L.Reshape((-1, 16))(_convolved(inputs, 16))
    seen = L.MultiHeadAttention(2, 8, name="attention")(tokens, tokens)
    return keras.Model(inputs, L.Dense(classes)(L.GlobalAveragePooling1D()(seen)))


def with_patches(shape: tuple[int, int, int], classes: int) -> Any:
    """Kernels of their own for each place, whose multiply-accumulates are not counted."""
    inputs = L.Input(shape)
    return _ended(inputs, L.LocallyConnected2D(4, 3, name="patches")(_convolved(inputs, 16)), classes)


def frozen(shape: tuple[int, int, int], classes: int) -> Any:
    """Nothing to train."""
    model = plain(shape, classes)
    model.trainable = False
    return model


def infinite(shape: tuple[int, int, int], classes: int) -> Any:
    """Logits that are no numbers."""
    model = plain(shape, classes)
    model.layers[-1].bias.assign(np.full(classes, np.nan, np.float32))
    return model


def deadly(shape: tuple[int, int, int], classes: int) -> Any:  # noqa: ARG001
    """A fault of a library: the process dies."""
    os.kill(os.getpid(), signal.SIGSEGV)
