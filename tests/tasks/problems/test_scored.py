"""The quality of outputs, its interval and its slices: of a share, and of a metric of which less is better."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from featherline.tasks.problems.classification.problem import Classification
from featherline.tasks.problems.protocol import Scores
from featherline.tasks.problems.scored import interval, quality_of, quality_value, slices_of, validation_metrics
from tests.tasks.errors import MeanError

LOGITS = np.array([[2.0, 1.0, 0.0], [0.0, 1.0, 2.0], [1.0, 1.0, 0.0]], np.float32)


def interval_of(correct: NDArray[np.bool_], confidence: float, resamples: int, seed: int) -> tuple[float, float]:
    """Return the interval of an accuracy."""
    scores = Scores(correct.astype(float), np.zeros(len(correct), np.int64))
    return interval(Classification(), scores, confidence, resamples, seed)


def test_accuracy_counts_the_largest_logit() -> None:
    """Two of three are right; of equal logits the first counts."""
    assert quality_value(Classification(), LOGITS, np.array([0, 1, 0])) == pytest.approx(2 / 3)


def test_slices_have_their_recall_and_none_without_samples() -> None:
    """Class 0 is always found, class 1 never, class 2 has no sample."""
    found = validation_metrics(Classification(), LOGITS, np.array([0, 1, 0]), ("a", "b", "c"))

    assert [(one.name, one.samples, one.quality) for one in found.slices] == [
        ("a", 2, 1.0),
        ("b", 1, 0.0),
        ("c", 0, None),
    ]
    assert found.quality == pytest.approx(2 / 3)
    assert found.samples == 3


def test_the_interval_of_a_mean_is_that_of_resampled_units() -> None:
    """Errors of 0 and 2 in equal parts have the mean 1, known to two standard errors (0.2) of 100 units."""
    outputs, targets = np.zeros((100, 1), np.float32), np.tile([[0.0], [2.0]], (50, 1))
    problem = MeanError()

    found = quality_of(problem, problem.score(outputs, targets), 0.95, 500, seed=0)

    assert found.value == pytest.approx(1.0)
    assert (found.low, found.high) == pytest.approx((0.8, 1.2), abs=0.04)


def test_a_problem_without_slices_has_none() -> None:
    """Nothing is invented for it."""
    problem = MeanError()

    assert slices_of(problem, problem.score(np.zeros((2, 1), np.float32), np.ones((2, 1))), ()) == ()


def test_interval_holds_the_accuracy() -> None:
    """Of 1,000 answers with 900 right, 95 % of resamples lie within two standard errors (0.019) of 0.9."""
    correct = np.arange(1000) < 900

    low, high = interval_of(correct, 0.95, 2000, seed=0)

    assert low == pytest.approx(0.881, abs=0.003)
    assert high == pytest.approx(0.919, abs=0.003)


def test_interval_is_that_of_drawing_with_replacement() -> None:
    """Drawing the count gives the interval that drawing the answers one by one gives."""
    correct = np.arange(200) < 150
    generator = np.random.default_rng(1)
    drawn = correct[generator.integers(0, 200, (20000, 200))].mean(axis=1)

    found = interval_of(correct, 0.9, 20000, seed=0)

    assert found == pytest.approx(np.quantile(drawn, [0.05, 0.95]), abs=0.0051)


def test_interval_is_the_same_for_a_seed() -> None:
    """The same seed gives the same interval, another one another."""
    correct = np.arange(997) % 3 > 0

    assert interval_of(correct, 0.95, 101, seed=5) == interval_of(correct, 0.95, 101, seed=5)
    assert interval_of(correct, 0.95, 101, seed=5) != interval_of(correct, 0.95, 101, seed=6)


def test_a_faultless_file_is_not_known_to_be_faultless() -> None:
    """Ten right answers of ten are an accuracy from 0.72, five of five one from 0.57, and so from the other end."""
    assert interval_of(np.ones(10, bool), 0.95, 100, seed=0) == pytest.approx((0.722, 1.0), abs=0.001)
    assert interval_of(np.ones(5, bool), 0.95, 100, seed=0) == pytest.approx((0.566, 1.0), abs=0.001)
    assert interval_of(np.zeros(10, bool), 0.95, 100, seed=0) == pytest.approx((0.0, 0.278), abs=0.001)
