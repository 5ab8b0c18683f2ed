"""Reading the splits that are trained on."""

from __future__ import annotations

import numpy as np
import pytest

from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.references import DatasetRef
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.store.artifacts import Store
from featherline.tasks.training.data import load_training_data


def test_images_are_normalised_and_whole(store: Store, digits: tuple[DatasetRef, Dataset]) -> None:
    """All images of both splits come as float32 with mean 0 and deviation 1 over the train split."""
    data = load_training_data(store, digits[1])

    assert data.train.inputs.shape == (600, 8, 8, 1)
    assert data.validation.inputs.shape == (100, 8, 8, 1)
    assert data.train.inputs.dtype == np.float32
    assert data.train.inputs.mean() == pytest.approx(0, abs=1e-4)
    assert data.train.inputs.std() == pytest.approx(1, abs=1e-4)
    assert data.input_shape == (8, 8, 1)
    assert data.answers == 10


def test_a_part_keeps_the_classes_in_proportion(store: Store, digits: tuple[DatasetRef, Dataset]) -> None:
    """A fifth of the train split has a fifth of each class, rounded up; the validation split stays whole."""
    whole = load_training_data(store, digits[1])

    part = load_training_data(store, digits[1], train_fraction=0.2, seed=3)

    expected = np.ceil(np.bincount(whole.train.targets) * 0.2)
    assert np.bincount(part.train.targets).tolist() == expected.tolist()
    assert len(part.validation.targets) == 100


def test_an_empty_split_is_refused(store: Store, digits: tuple[DatasetRef, Dataset]) -> None:
    """Without validation images there is nothing to choose the best weights by."""
    dataset = digits[1]
    empty = dataset.splits["validation"].model_copy(update={"shards": (), "count": 0})

    with pytest.raises(Refused) as refused:
        load_training_data(store, dataset.model_copy(update={"splits": dataset.splits | {"validation": empty}}))

    assert refused.value.problems[0].expected == "examples in its validation split"
