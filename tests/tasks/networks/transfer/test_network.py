"""A model file as the network that a run begins with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.transfer import NewHead
from featherline.tasks.networks.framework import keras
from featherline.tasks.networks.inputs import noise
from featherline.tasks.networks.transfer.network import read_network, with_new_head

L = keras.layers


def test_the_backbone_computes_what_it_did(gated: Any) -> None:
    """Its features under the new head are those of the file, number by number; the file stays as it is."""
    before = gated.get_weights()
    examples = noise(gated, 4)

    network = with_new_head(gated, "mine.keras", NewHead(), 3)

    theirs = keras.Model(gated.inputs, gated.get_layer("pool").output)(examples)
    ours = keras.Model(network.model.inputs, network.model.get_layer("pool").output)(examples)
    assert network.head == {"head"}
    assert network.model.output_shape == (None, 3)
    assert np.array_equal(theirs, ours)
    assert all(np.array_equal(a, b) for a, b in zip(before, gated.get_weights(), strict=True))


def test_a_map_of_features_is_pooled(gated: Any) -> None:
    """The head reads the mean over the places, and drops some of it while it is trained."""
    network = with_new_head(gated, "mine.keras", NewHead(cut="last_bn", dropout=0.2), 3)

    assert [layer.name for layer in network.model.layers[-3:]] == ["head_pooling", "head_dropout", "head"]
    assert network.head == {"head_pooling", "head_dropout", "head"}
    assert network.model.get_layer("head").input_shape == (None, 16)


def test_every_layer_may_learn_whatever_the_file_says(gated: Any) -> None:
    """A file that was saved with frozen layers says nothing of this training."""
    gated.get_layer("stem").trainable = False

    network = with_new_head(gated, "mine.keras", NewHead(), 3)

    assert all(layer.trainable for layer in network.model.layers)


def test_a_name_of_the_file_is_not_taken() -> None:
    """A backbone that has a layer called head keeps it."""
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, L.GlobalMaxPooling2D()(L.Conv2D(4, 3, name="head")(inputs)))

    assert with_new_head(model, "mine.keras", NewHead(), 3).head == {"new_head"}


def test_models_inside_models_are_cut_too(gated: Any) -> None:
    """As Keras' guide builds them: a backbone called as a layer, and a head on top."""
    inside = keras.Model(gated.inputs, gated.get_layer("last_bn").output, name="inside")
    inputs = keras.Input((8, 8, 3))
    pooled = L.GlobalAveragePooling2D(name="outer_pool")(inside(inputs))
    model = keras.Model(inputs, L.Dense(9, activation="softmax")(pooled))

    network = with_new_head(model, "mine.keras", NewHead(), 3)

    assert "outer_pool" in {layer.name for layer in network.model.layers}
    assert "stem" in {layer.name for layer in network.model.layers}


def test_a_file_of_any_number_of_answers_is_read(gated: Any, tmp_path: Path) -> None:
    """Its seven answers do not count; without a new head they are not those of the data."""
    gated.save(tmp_path / "mine.keras")

    network = read_network(str(tmp_path / "mine.keras"), NewHead(), (8, 8, 3), 3)
    with pytest.raises(Refused) as refusal:
        read_network(str(tmp_path / "mine.keras"), None, (8, 8, 3), 3)

    assert network.model.output_shape == (None, 3)
    assert refusal.value.problems[0].got == "an output of 7"


def test_another_size_is_refused_with_both_and_the_way_out(gated: Any, tmp_path: Path) -> None:
    """A file of a fixed size takes no other, and says which one to set."""
    gated.save(tmp_path / "mine.keras")

    with pytest.raises(Refused) as refusal:
        read_network(str(tmp_path / "mine.keras"), NewHead(), (12, 12, 3), 3)

    (problem,) = refusal.value.problems
    assert problem.expected == "an input of (height, width, channels) (12, 12, 3), as the data has"
    assert problem.got == "an input of (8, 8, 3)"
    assert problem.fix.startswith("set data.image_size: [8, 8]")


def test_several_outputs_are_refused(gated: Any, tmp_path: Path) -> None:
    """A file with two ends has no one head to cut off."""
    model = keras.Model(gated.inputs, [gated.outputs[0], gated.get_layer("hidden").output])
    model.save(tmp_path / "mine.keras")

    with pytest.raises(Refused) as refusal:
        read_network(str(tmp_path / "mine.keras"), NewHead(), (8, 8, 3), 3)

    assert refusal.value.problems[0].got == "1 inputs and 2 outputs"
