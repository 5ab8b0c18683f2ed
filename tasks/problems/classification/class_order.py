"""Whether a model knows its classes, and knows them in the order of the data.

    predicted, labels ──► above chance? ──► or explained by a permutation of the classes?

A model whose folders were sorted as text (0, 1, 10, 11, 2, …) is right about every image and wrong about every name.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.problems.classification.metrics import confusion

Predicted = NDArray[np.int64]

STANDARD_DEVIATIONS = 3.0
"""So far above what independent guesses would get, accuracy is more than chance."""

SURE_KAPPA = 0.5
"""Of a split too small to be sure by number, more than this part of what guesses get wrong is right."""

SIGNIFICANT = 1e-3
"""Largest probability with which a permutation may look so good by luck."""

MOST_THAT_GAIN = 0.8
"""Least part of the renamed classes of which each must be found more often under its new name."""


def at_chance(predicted: Predicted, labels: Predicted, classes: int) -> bool:
    """Return whether predictions say no more of the labels than independent guesses of the same frequencies would.

    A model that always gives one class is at chance, however frequent that class is. Mean and variance of the hits are
    those of all permutations of the predictions.
    """
    n = len(labels)
    guessed, true = (np.bincount(each, minlength=classes).astype(np.float64) for each in (predicted, labels))
    pairs, hits = guessed * true, float((predicted == labels).sum())
    mean = float(pairs.sum()) / n
    if n > 1:
        apart = float((pairs * ((n - guessed) * (n - true) - pairs)).sum()) + float(pairs.sum()) ** 2
        deviation = math.sqrt(max(apart, 0.0) / (n * n * (n - 1)))
        if hits > mean + STANDARD_DEVIATIONS * deviation and deviation > 0:
            return False
    return hits <= mean or (hits - mean) / (n - mean) <= SURE_KAPPA


def explaining_order(
    predicted: Predicted, labels: Predicted, classes: int, least: float = 0.5
) -> tuple[int, ...] | None:
    """Return the data's class that each output of the model means, where another order explains it; else None.

    Args:
        predicted: (n,), the outputs.
        labels: (n,), the data's classes.
        classes: How many there are.
        least: Part of the images of renamed classes that must be right under their new names. Fresh weights too tell
            some classes apart, and name them at random.

    The order is the assignment with the most hits. It is believed where an order found on one half of the images holds
    on the other half, by a sign test, at least twice as many renamed images are right as before, and most renamed
    classes gain.
    """
    order = _assigned(confusion(predicted, labels, classes))
    if order == tuple(range(classes)) or len(labels) < 2:  # noqa: PLR2004 - two halves
        return None
    gained = lost = 0
    halves = _halves(labels)
    for half in (halves, ~halves):
        found = np.asarray(_assigned(confusion(predicted[half], labels[half], classes)))
        renamed, asked = found[predicted[~half]], predicted[~half]
        gained += int(((renamed == labels[~half]) & (asked != labels[~half])).sum())
        lost += int(((renamed != labels[~half]) & (asked == labels[~half])).sum())
    if gained < 2 * lost or _by_luck(gained, lost) > SIGNIFICANT:
        return None
    renamed = np.asarray(order)[predicted]
    moved = [label for label in range(classes) if order[label] != label and (labels == label).any()]
    gains = [
        int(((renamed == label) & (labels == label)).sum()) > int(((predicted == label) & (labels == label)).sum())
        for label in moved
    ]
    theirs = np.isin(labels, moved)
    if not moved or float(np.mean(renamed[theirs] == labels[theirs])) < least:
        return None
    return order if sum(gains) >= MOST_THAT_GAIN * len(gains) else None


def _assigned(counts: NDArray[np.int64]) -> tuple[int, ...]:
    """Return the label that each prediction means, by the assignment with the most hits; of equals the data's own."""
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415 - steps around the file do without SciPy

    hits = counts.astype(np.float64) + 1e-6 * np.eye(len(counts))
    label, prediction = linear_sum_assignment(hits, maximize=True)
    meant = np.empty(len(counts), np.int64)
    meant[prediction] = label
    return tuple(int(each) for each in meant)


def _halves(labels: Predicted) -> NDArray[np.bool_]:
    """Return every second image of each class."""
    half = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        half[np.flatnonzero(labels == label)[::2]] = True
    return half


def _by_luck(gained: int, lost: int) -> float:
    """Return the probability of so many gains or more among so many changes, were each a toss of a coin."""
    n = gained + lost
    return sum(math.comb(n, k) for k in range(gained, n + 1)) / 2**n if n else 1.0
