"""Accuracy, its interval, recall and calibration of predictions that fit on a line."""

from __future__ import annotations

import numpy as np
import pytest

from featherline.tasks.problems.classification import accuracy


def test_interval_holds_the_accuracy() -> None:
    """Of 1,000 answers with 900 right, 95 % of resamples lie within two standard errors (0.019) of 0.9."""
    correct = np.arange(1000) < 900

    low, high = accuracy.interval(correct, 0.95, 2000, seed=0)

    assert low == pytest.approx(0.881, abs=0.003)
    assert high == pytest.approx(0.919, abs=0.003)


def test_interval_is_that_of_drawing_with_replacement() -> None:
    """Drawing the count gives the interval that drawing the answers one by one gives."""
    correct = np.arange(200) < 150
    generator = np.random.default_rng(1)
    drawn = correct[generator.integers(0, 200, (20000, 200))].mean(axis=1)

    interval = accuracy.interval(correct, 0.9, 20000, seed=0)

    assert interval == pytest.approx(np.quantile(drawn, [0.05, 0.95]), abs=0.0051)


def test_interval_is_the_same_for_a_seed() -> None:
    """The same seed gives the same interval, another one another."""
    correct = np.arange(997) % 3 > 0

    assert accuracy.interval(correct, 0.95, 101, seed=5) == accuracy.interval(correct, 0.95, 101, seed=5)
    assert accuracy.interval(correct, 0.95, 101, seed=5) != accuracy.interval(correct, 0.95, 101, seed=6)


def test_a_faultless_file_is_not_known_to_be_faultless() -> None:
    """Ten right answers of ten are an accuracy from 0.72, five of five one from 0.57, and so from the other end."""
    assert accuracy.interval(np.ones(10, bool), 0.95, 100, seed=0) == pytest.approx((0.722, 1.0), abs=0.001)
    assert accuracy.interval(np.ones(5, bool), 0.95, 100, seed=0) == pytest.approx((0.566, 1.0), abs=0.001)
    assert accuracy.interval(np.zeros(10, bool), 0.95, 100, seed=0) == pytest.approx((0.0, 0.278), abs=0.001)


def test_confusion_has_true_classes_in_rows() -> None:
    """A zero that was taken for a two is counted in row 0, column 2."""
    matrix = accuracy.confusion(np.array([0, 2, 1]), np.array([0, 0, 1]), 3)

    assert matrix.tolist() == [[1, 0, 1], [0, 1, 0], [0, 0, 0]]


def test_recall_of_an_absent_class_is_none() -> None:
    """Half of the zeros, all ones, and no two to find."""
    matrix = np.array([[1, 0, 1], [0, 1, 0], [0, 0, 0]])

    assert accuracy.class_recall(matrix) == (0.5, 1.0, None)


def test_calibration_error_of_the_sure_and_right_is_zero() -> None:
    """Logits far apart and right cost nothing; the same ones wrong cost 1."""
    logits = np.array([[50, 0], [0, 50]], np.float32)

    assert accuracy.calibration_error(logits, np.array([0, 1])) == pytest.approx(0)
    assert accuracy.calibration_error(logits, np.array([1, 0])) == pytest.approx(1)


def test_calibration_error_weighs_bins_by_their_images() -> None:
    """Half of the images at 0.5 and all right, half at 1.0 and all right: (0.5 + 0) / 2."""
    logits = np.array([[0, 0], [50, 0]], np.float32)

    assert accuracy.calibration_error(logits, np.array([0, 0])) == pytest.approx(0.25)


def test_logits_of_any_size_are_taken() -> None:
    """Logits in the thousands do not overflow the softmax."""
    assert accuracy.calibration_error(np.array([[5000, -5000]], np.float32), np.array([0])) == pytest.approx(0)
