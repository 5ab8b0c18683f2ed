"""How far activations are from what batch normalisation remembers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from featherline.tasks.networks.framework import keras
from featherline.tasks.networks.transfer.statistics import distance_of_statistics, normalisations

L = keras.layers


def normalised(mean: float, variance: float) -> Any:
    """Return a network that normalises one number by these statistics."""
    layer = L.BatchNormalization(epsilon=1e-9)
    model = keras.Sequential([L.Input((1,)), layer])
    layer.set_weights([np.array([value], np.float32) for value in (1, 0, mean, variance)])
    return model


def test_equal_statistics_are_no_distance() -> None:
    """Twenty numbers of mean 3 and variance 4, in two batches."""
    values = np.tile(np.array([[1.0], [5.0]], np.float32), (10, 1))

    assert distance_of_statistics(normalised(3, 4), values) == pytest.approx(0, abs=1e-5)


def test_the_distance_is_that_of_two_normal_distributions() -> None:
    """Of N(3, 4) and N(0, 1): (4 + 9) / 2 one way, (1 + 9) / 4 / 2 the other, less 1."""
    values = np.tile(np.array([[1.0], [5.0]], np.float32), (10, 1))

    assert distance_of_statistics(normalised(0, 1.000001), values) == pytest.approx((13 + 2.5) / 2 - 1, rel=1e-4)


def test_what_has_seen_nothing_cannot_tell() -> None:
    """Fresh statistics, mean 0 and variance 1, are of no training."""
    assert normalisations(normalised(0, 1)) == []
    assert len(normalisations(normalised(0, 2))) == 1
    assert math.isfinite(distance_of_statistics(normalised(0, 2), np.zeros((3, 1), np.float32)))
