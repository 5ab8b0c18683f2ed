"""What a classifier mistakes for what, how sure it is, and how far its probabilities are from others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]
Logits = NDArray[np.float32]
BINS = 15
"""Of the calibration error, as in the source."""


def confusion(predicted: NDArray[np.intp], labels: Labels, classes: int) -> NDArray[np.int64]:
    """Return (classes, classes) counts: rows are true classes, columns predicted ones."""
    counts = np.bincount(labels * classes + predicted, minlength=classes * classes)
    return counts.reshape(classes, classes).astype(np.int64)


def calibration_error(logits: Logits, labels: Labels) -> float:
    """Return the expected calibration error: how far confidence is from accuracy, over 15 bins of equal width.

    Args:
        logits: (n, classes).
        labels: (n,).

    """
    return gap(confidences(logits), logits.argmax(axis=1) == labels)


def confidences(logits: Logits) -> NDArray[np.float64]:
    """Return (n,) the probability of the most probable class."""
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    most: NDArray[np.float64] = (shifted / shifted.sum(axis=1, keepdims=True)).max(axis=1)
    return most


def gap(confidence: NDArray[np.float64], correct: NDArray[np.bool_]) -> float:
    """Return the expected calibration error of predictions, (n,) each.

    Source: Guo et al. 2017, equation 3, https://arxiv.org/abs/1706.04599
    """
    bins = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
    gaps = np.bincount(bins, weights=correct - confidence, minlength=BINS)
    return float(np.abs(gaps).sum() / len(correct))


def mean_cross_entropy(logits: Logits, labels: Labels) -> float:
    """Return the mean of `-log softmax(logits)[label]`, in nats."""
    high = logits.max(axis=1, keepdims=True)
    normaliser = np.log(np.exp((logits - high).astype(np.float64)).sum(axis=1)) + high[:, 0]
    return float(np.mean(normaliser - logits[np.arange(len(labels)), labels]))


def divergence(truth: Logits, other: Logits) -> NDArray[np.float64]:
    """Return (n,) KL(softmax(truth) || softmax(other)) of each row, in nats.

    Source: Kullback and Leibler 1951, equation 2.4, https://doi.org/10.1214/aoms/1177729694
    """
    p, q = log_softmax(truth), log_softmax(other)
    of_rows: NDArray[np.float64] = (np.exp(p) * (p - q)).sum(axis=1)
    return of_rows


def log_softmax(logits: Logits) -> NDArray[np.float64]:
    """Return the logarithms of the probabilities of each row."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    normalised: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return normalised
