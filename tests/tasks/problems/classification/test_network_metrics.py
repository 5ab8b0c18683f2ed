"""Metrics of logits and of models."""

from __future__ import annotations

import math

import numpy as np
import pytest

from featherline.tasks.networks.framework import keras
from featherline.tasks.problems.classification.network_metrics import (
    accuracy,
    class_metrics,
    mean_cross_entropy,
    predict_logits,
)

LOGITS = np.array([[2.0, 1.0, 0.0], [0.0, 1.0, 2.0], [1.0, 1.0, 0.0]], np.float32)


def identity() -> object:
    """Return a model that gives its three pixels as logits."""
    return keras.Sequential([keras.Input((1, 1, 3)), keras.layers.Flatten()])


def test_accuracy_counts_the_largest_logit() -> None:
    """Two of three are right; of equal logits the first counts."""
    assert accuracy(LOGITS, np.array([0, 1, 0])) == pytest.approx(2 / 3)


def test_cross_entropy_stands_large_logits() -> None:
    """A difference of 1000 is no overflow."""
    assert mean_cross_entropy(np.array([[1000.0, 0.0]], np.float32), np.array([1])) == pytest.approx(1000)
    assert mean_cross_entropy(np.zeros((1, 4), np.float32), np.array([1])) == pytest.approx(math.log(4))


def test_logits_come_in_the_order_of_the_images_whatever_the_batch() -> None:
    """Batches of two, the last one short, give what one batch gives."""
    images = LOGITS.reshape(3, 1, 1, 3)

    assert (predict_logits(identity(), images, batch_size=2) == LOGITS).all()
    assert predict_logits(identity(), images[:0]).shape == (0, 3)


def test_recall_is_by_class_and_none_without_images() -> None:
    """Class 0 is always found, class 1 never, class 2 has no image."""
    found = class_metrics(identity(), LOGITS.reshape(3, 1, 1, 3), np.array([0, 1, 0]), classes=3)

    assert found.class_recall == (1.0, 0.0, None)
    assert found.accuracy == pytest.approx(2 / 3)
    assert found.samples == 3
