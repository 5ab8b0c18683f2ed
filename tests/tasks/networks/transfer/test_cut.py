"""Where a trained network is cut."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.networks.framework import keras, tf
from featherline.tasks.networks.transfer.cut import features_of

L = keras.layers


def cut_behind(model: Any, cut: str | None = None) -> str:
    """Return the layer that gives the features."""
    return str(features_of(model, "mine.keras", cut)[0].node.layer.name)


def test_a_network_is_cut_at_its_last_pooling(gated: Any) -> None:
    """Dense layers, dropout and softmax behind it are the head; the pooling of a gate is no end."""
    assert cut_behind(gated) == "pool"


def test_a_named_layer_is_where_it_is_cut(gated: Any) -> None:
    """Behind it, whatever comes there."""
    assert cut_behind(gated, "last_bn") == "last_bn"
    assert cut_behind(gated, "hidden") == "hidden"


def test_one_by_one_convolutions_over_one_place_are_a_head() -> None:
    """As MobileNet has it: pooled to 1x1, and its answers from a convolution."""
    model = keras.applications.MobileNet(weights=None, input_shape=(32, 32, 3), alpha=0.25)

    assert cut_behind(model).startswith("global_average_pooling2d")


def test_a_network_without_its_head_is_read_at_its_end() -> None:
    """Saved with `include_top=False`, it gives a map of features; the poolings within are none of its end."""
    model = keras.applications.DenseNet121(weights=None, include_top=False, input_shape=(32, 32, 3))

    features, what = features_of(model, "mine.keras")

    assert features is model.outputs[0]
    assert what == "its end, which is a map of features"


def test_a_mean_by_an_operation_is_a_pooling() -> None:
    """`tf.reduce_mean` over the places is what some write instead of the layer."""
    inputs = keras.Input((8, 8, 3))
    pooled = tf.reduce_mean(L.Conv2D(4, 3)(inputs), [1, 2])
    model = keras.Model(inputs, L.Dense(7)(pooled))

    assert np.array_equal(features_of(model, "mine.keras")[0].shape, (None, 4))


def test_a_pooling_at_the_beginning_is_no_cut(flattened: Any) -> None:
    """Cut there, a network would be its first layer; it is refused with the layers to name."""
    with pytest.raises(Refused) as refusal:
        features_of(flattened, "mine.keras")

    (problem,) = refusal.value.problems
    assert problem.what == "mine.keras cannot get a new head"
    assert "answers, flatten" in problem.got
    assert problem.fix == "set model.head: {cut: LAYER}, the last layer whose features the new head shall read"


def test_a_layer_that_is_not_there_gets_close_matches(gated: Any) -> None:
    """The names that are like it; where none is, the last layers."""
    with pytest.raises(Refused) as typo:
        features_of(gated, "mine.keras", "last_bm")
    with pytest.raises(Refused) as stranger:
        features_of(gated, "mine.keras", "0")

    assert typo.value.problems[0].fix.startswith("did you mean last_bn")
    assert stranger.value.problems[0].fix.startswith("its last layers: answers, dropout")


def test_a_layer_that_is_called_twice_is_no_cut() -> None:
    """Nobody knows which of its outputs is meant."""
    inputs, shared = keras.Input((8, 8, 3)), L.Conv2D(3, 3, padding="same", name="shared")
    model = keras.Model(inputs, L.Dense(7)(L.GlobalAveragePooling2D()(shared(shared(inputs)))))

    with pytest.raises(Refused) as refusal:
        features_of(model, "mine.keras", "shared")

    assert refusal.value.problems[0].got == "a layer that is called 2 times"
