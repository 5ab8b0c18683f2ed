"""Statistics anew: what they are, what stays as it was, what they are good for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from featherline.tasks.compression.pruning.statistics import BATCH, reestimate_statistics
from featherline.tasks.networks.framework import keras
from featherline.tasks.networks.layer_kinds.table import KINDS

L = keras.layers
NOISY = [kind.layer for kind in KINDS.values() if kind.noise is not None]
OF_PICTURES = [layer for layer in NOISY if not layer.__name__.endswith(("1D", "3D"))]


@pytest.fixture
def normalised() -> Any:
    """Give a network that normalises its image, with a Dropout behind and another normalisation."""
    inputs = keras.Input((2, 2, 3))
    x = L.Dropout(0.5)(L.BatchNormalization(momentum=0.7, name="first")(inputs))
    return keras.Model(inputs, L.Flatten()(L.BatchNormalization(name="second", gamma_initializer="ones")(x)))


def test_statistics_are_the_mean_over_the_batches(normalised: Any) -> None:
    """Of two batches, the mean is the mean of their means, the variance that of their (unbiased) variances."""
    images = np.random.default_rng(0).normal(3, 2, (2 * BATCH, 2, 2, 3)).astype(np.float32)
    halves = images.reshape(2, -1, 3)

    count = reestimate_statistics(normalised, np.split(images, 2))

    assert count == 2
    first = normalised.get_layer("first")
    assert np.allclose(first.moving_mean, halves.mean((0, 1)), atol=1e-3)
    assert np.allclose(first.moving_variance, halves.var(1, ddof=1).mean(0), rtol=1e-3)


def test_noise_is_quiet_and_comes_back(normalised: Any) -> None:
    """The second normalisation sees what an inference sees: variance 1, not the 2 that a dropout of half gives."""
    images = np.random.default_rng(0).normal(3, 2, (BATCH, 2, 2, 3)).astype(np.float32)

    reestimate_statistics(normalised, [images])

    assert np.allclose(normalised.get_layer("second").moving_variance, 1, atol=0.02)
    assert normalised.layers[2].rate == 0.5
    assert normalised.get_layer("first").momentum == 0.7


@pytest.mark.parametrize("kind", OF_PICTURES)
def test_every_noise_that_pruning_passes_is_quiet(kind: Any) -> None:
    """Behind each of them a normalisation sees variance 1, as an inference does."""
    inputs = keras.Input((2, 2, 3))
    x = L.BatchNormalization(name="behind")(kind(0.5, name="noise")(inputs))
    model = keras.Model(inputs, L.Flatten()(x))
    images = np.random.default_rng(0).normal(0, 1, (BATCH, 2, 2, 3)).astype(np.float32)

    reestimate_statistics(model, [images])

    assert np.allclose(model.get_layer("behind").moving_variance, images.var((0, 1, 2)), rtol=0.01)
    assert 0.5 in model.get_layer("noise").get_config().values()


def test_nothing_else_changes(normalised: Any) -> None:
    """Scales and offsets stay; without images everything does."""
    before = normalised.get_weights()

    reestimate_statistics(normalised, [])

    assert all(np.array_equal(old, new) for old, new in zip(before, normalised.get_weights(), strict=True))
