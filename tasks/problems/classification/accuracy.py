"""How right a classifier is, how sure one can be of that, and how sure it is itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.statistics.proportions import wilson

Logits = NDArray[np.float32]
BINS = 15
"""Of the calibration error, as in the source."""


def interval(correct: NDArray[np.bool_], confidence: float, resamples: int, seed: int) -> tuple[float, float]:
    """Return the bootstrap percentile interval of an accuracy; Wilson's where all answers are right, or none is.

    There every draw is alike, and five right answers of five would be told as 100 to 100 %.

    Drawing n of n right-or-wrong answers with replacement gives a binomial count, so that count is drawn itself:
    the same distribution, without n times `resamples` indices.

    Args:
        correct: (n,), True where the answer is right, n > 0.
        confidence: Of the interval, such as 0.95.
        resamples: Draws.
        seed: Of the draws.

    Source: Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 13
    """
    right = int(correct.sum())
    if right in (0, correct.size):
        return wilson(right, correct.size, confidence)
    drawn = np.random.default_rng(seed).binomial(correct.size, correct.mean(), resamples) / correct.size
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def confusion(predicted: NDArray[np.intp], labels: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """Return (classes, classes) counts: rows are true classes, columns predicted ones."""
    counts = np.bincount(labels * classes + predicted, minlength=classes * classes)
    return counts.reshape(classes, classes).astype(np.int64)


def class_recall(matrix: NDArray[np.int64]) -> tuple[float | None, ...]:
    """Return the recall of each class of a confusion matrix, None where there is no image of the class."""
    return tuple(float(row[label] / row.sum()) if row.sum() else None for label, row in enumerate(matrix))


def calibration_error(logits: Logits, labels: NDArray[np.int64]) -> float:
    """Return the expected calibration error: how far confidence is from accuracy, over 15 bins of equal width.

    Args:
        logits: (n, classes).
        labels: (n,).

    Source: Guo et al. 2017, equation 3, https://arxiv.org/abs/1706.04599
    """
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    confidence = (shifted / shifted.sum(axis=1, keepdims=True)).max(axis=1)
    correct = logits.argmax(axis=1) == labels
    bins = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
    gaps = np.bincount(bins, weights=correct - confidence, minlength=BINS)
    return float(np.abs(gaps).sum() / len(labels))
