"""One form for every graph: what stays the same, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.networks.framework import keras, tf
from featherline.tasks.networks.graph import functional

L = keras.layers
IMAGES = np.random.default_rng(1).standard_normal((4, 8, 8, 3)).astype(np.float32)


def nested() -> Any:
    """Give a Sequential that holds a functional model, both with a layer called conv."""
    inputs = keras.Input((8, 8, 8))
    inner = keras.Model(inputs, L.Add()([inputs, L.Conv2D(8, 3, padding="same", name="conv")(inputs)]), name="block")
    return keras.Sequential(
        [keras.Input((8, 8, 3)), L.Conv2D(8, 3, padding="same", name="conv"), inner, L.Flatten(), L.Dense(10)]
    )


def test_computes_what_the_original_computes(residual: Any) -> None:
    """The copy of a functional model gives exactly its outputs."""
    copy = functional(residual)

    assert np.array_equal(copy(IMAGES, training=False), residual(IMAGES, training=False))


def test_opens_models_inside_a_model() -> None:
    """A model inside another becomes layers of one flat model, and a name that occurs twice is told apart."""
    model = nested()

    copy = functional(model)

    assert [layer.name for layer in copy.layers if isinstance(layer, L.Conv2D)] == ["conv", "block_conv"]
    assert np.array_equal(copy(IMAGES, training=False), model(IMAGES, training=False))


def test_every_name_becomes_one_of_a_kind() -> None:
    """Three models called block with a layer called conv each, and a layer that is called as the input is."""

    def block() -> Any:
        return keras.Sequential([keras.Input((8, 8, 3)), L.Conv2D(3, 3, padding="same", name="conv")], name="block")

    parts = [keras.Sequential([block()], name=name) for name in ("one", "two", "three")]
    last = keras.Sequential([keras.Input((8, 8, 3)), L.ReLU(name="image")], name="last")
    model = keras.Sequential([keras.Input((8, 8, 3), name="image"), *parts, last, L.Flatten(), L.Dense(10)])

    copy = functional(model)

    assert [layer.name for layer in copy.layers[:5]] == ["image", "conv", "block_conv", "block_conv_2", "last_image"]
    assert np.array_equal(copy(IMAGES, training=False), model(IMAGES, training=False))


def test_a_layer_that_is_called_twice_stays_one() -> None:
    """In a model that is called twice, and beside another layer of its name: two layers, three calls."""
    inputs = keras.Input((8, 8, 3))
    twice = keras.Sequential([keras.Input((8, 8, 3)), L.Conv2D(3, 1, name="conv")], name="twice")
    x = twice(twice(L.Conv2D(3, 1, name="conv")(inputs)))
    model = keras.Model(inputs, L.Flatten()(x))

    copy = functional(model)

    assert [layer.name for layer in copy.layers if isinstance(layer, L.Conv2D)] == ["conv", "twice_conv"]
    assert np.array_equal(copy(IMAGES, training=False), model(IMAGES, training=False))


def test_shares_no_layer_with_the_original(residual: Any) -> None:
    """Changing the copy leaves the original alone."""
    before = residual.get_weights()

    copy = functional(residual)
    copy.set_weights([weight * 0 for weight in copy.get_weights()])

    assert all(np.array_equal(old, new) for old, new in zip(before, residual.get_weights(), strict=True))


def test_refuses_a_subclassed_model() -> None:
    """A model whose graph hides in its code is refused with a way out."""

    class Hidden(keras.Model):
        """Calls a dense layer."""

        def call(self, inputs: Any) -> Any:
            """Return the input."""
            return inputs

    with pytest.raises(Refused) as refusal:
        functional(Hidden(name="mine"))

    assert refusal.value.problems[0].what == "prune cannot follow the model mine"
    assert "functional API" in refusal.value.problems[0].fix


def test_refuses_a_function_that_cannot_be_copied() -> None:
    """An activation that Keras does not know by name is refused, with the layer."""
    model = keras.Sequential([keras.Input((4,)), L.Dense(2, activation=tf.nn.l2_normalize, name="odd")])

    with pytest.raises(Refused) as refusal:
        functional(model)

    assert refusal.value.problems[0].what == "prune cannot copy the layer odd"
