"""Confusion, calibration and cross entropy of predictions that fit on a line."""

from __future__ import annotations

import numpy as np
import pytest

from featherline.tasks.problems.classification import metrics


def test_confusion_has_true_classes_in_rows() -> None:
    """A zero that was taken for a two is counted in row 0, column 2."""
    matrix = metrics.confusion(np.array([0, 2, 1]), np.array([0, 0, 1]), 3)

    assert matrix.tolist() == [[1, 0, 1], [0, 1, 0], [0, 0, 0]]


def test_calibration_error_of_the_sure_and_right_is_zero() -> None:
    """Logits far apart and right cost nothing; the same ones wrong cost 1."""
    logits = np.array([[50, 0], [0, 50]], np.float32)

    assert metrics.calibration_error(logits, np.array([0, 1])) == pytest.approx(0)
    assert metrics.calibration_error(logits, np.array([1, 0])) == pytest.approx(1)


def test_calibration_error_weighs_bins_by_their_images() -> None:
    """Half of the images at 0.5 and all right, half at 1.0 and all right: (0.5 + 0) / 2."""
    logits = np.array([[0, 0], [50, 0]], np.float32)

    assert metrics.calibration_error(logits, np.array([0, 0])) == pytest.approx(0.25)


def test_logits_of_any_size_are_taken() -> None:
    """Logits in the thousands do not overflow the softmax."""
    assert metrics.calibration_error(np.array([[5000, -5000]], np.float32), np.array([0])) == pytest.approx(0)


def test_cross_entropy_stands_large_logits() -> None:
    """A difference of 1000 is no overflow."""
    assert metrics.mean_cross_entropy(np.array([[1000.0, 0.0]], np.float32), np.array([1])) == pytest.approx(1000)
    assert metrics.mean_cross_entropy(np.zeros((1, 4), np.float32), np.array([1])) == pytest.approx(np.log(4))
