"""Examples as a model takes them, read batch by batch."""

from __future__ import annotations

import numpy as np
import pytest

from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.references import DatasetRef
from featherline.tasks.data.dataset import read_split
from featherline.tasks.modalities.feeding import own_of, prepared, raw_of
from featherline.tasks.modalities.model_inputs import opened_inputs
from featherline.tasks.networks.framework import keras
from featherline.tasks.networks.predict import predict
from featherline.tasks.store.artifacts import Store

Digits = tuple[DatasetRef, Dataset]


@pytest.mark.parametrize("size", [1, 7, 100, None])
def test_batches_of_any_size_are_the_split(store: Store, digits: Digits, size: int | None) -> None:
    """Across the seam of two shards they are what the whole split is, prepared; the targets are its own."""
    examples, targets = read_split(store, digits[1], "test")
    whole = prepared(examples, own_of(digits[1]))["image"]

    with opened_inputs(store, digits[1], "test", own_of(digits[1])) as inputs:
        batches = [batch["image"] for batch in inputs.batches(size)]

        assert np.array_equal(np.concatenate(batches), whole)
        assert max(map(len, batches)) == min(size or 100, 100)
        assert np.array_equal(inputs.targets, targets)


def test_a_choice_is_read_in_its_order_and_by_any_preprocessing(store: Store, digits: Digits) -> None:
    """Three examples backwards, as stored and as they are fed raw; a choice of a choice is one."""
    stored = read_split(store, digits[1], "test")[0]["image"]

    with opened_inputs(store, digits[1], "test", own_of(digits[1])) as inputs:
        chosen = inputs.take([50, 3, 49, 3]).take(slice(None, 3))

        assert len(chosen) == 3
        assert np.array_equal(chosen.stored()["image"], stored[[50, 3, 49]])
        assert np.array_equal(
            chosen.fed_by(raw_of(digits[1])).arrays()["image"], stored[[50, 3, 49]].astype(np.float32)
        )


def test_a_network_gives_the_same_for_what_is_held_and_what_is_read(store: Store, digits: Digits) -> None:
    """Its outputs come in the order of the examples, and for none of them there is none."""
    network = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(3)])
    whole = prepared(read_split(store, digits[1], "test")[0], own_of(digits[1]))["image"]

    with opened_inputs(store, digits[1], "test", own_of(digits[1])) as inputs:
        assert np.allclose(predict(network, inputs, batch_size=16), predict(network, whole), atol=1e-5)
        assert predict(network, inputs.take([])).shape == (0, 3)
