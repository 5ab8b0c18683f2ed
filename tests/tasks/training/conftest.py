"""Data and models that are small enough to train in a moment."""

from __future__ import annotations

from typing import Any

import pytest

from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.references import DatasetRef
from featherline.tasks.networks.framework import keras
from featherline.tasks.store.artifacts import Store
from featherline.tasks.training.data import TrainingData, load_training_data


@pytest.fixture
def data(store: Store, digits: tuple[DatasetRef, Dataset]) -> TrainingData:
    """Give the digits as arrays."""
    return load_training_data(store, digits[1])


@pytest.fixture
def model() -> Any:
    """Give a fresh network of one convolution, always with the same weights."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(10),
        ]
    )
