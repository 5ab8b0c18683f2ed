"""Classification that is judged by macro-F1: a class of ten samples counts as much as one of ten thousand.

outputs, targets ──► predicted and true class of each sample ──► F1 of each class ──► their mean
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.problems.classification import MACRO_F1
from featherline.tasks.problems.classification.problem import Classification
from featherline.tasks.problems.protocol import Constant, Outputs, Scores, Targets, Words

CLOSEST = 1e-9
"""Two values of macro-F1 that are nearer to each other are equal."""


class MacroF1(Classification):
    """One class of several. A slice is a class, and its quality the F1 of it."""

    name = "classification-macro-f1"
    quality = MACRO_F1
    is_mean = False
    words = Words(unit="image", slice="class", slices="classes", slice_quality="F1")

    def score(self, outputs: Outputs, targets: Targets) -> Scores:
        """Return the predicted class of each sample, of equal outputs the first; its true class is its slice."""
        return Scores(outputs.argmax(axis=1).astype(np.float64), targets.astype(np.int64))

    def aggregate(self, scores: Scores) -> float:
        """Return the mean F1 of the classes that these samples are of, or are predicted to be of.

        Source: Opitz and Burst 2019, equation 2, https://arxiv.org/abs/1911.03347 (the mean of F1, not F1 of means)
        """
        return mean_f1(*_counts(scores))

    def slice_quality(self, scores: Scores, number: int) -> float:
        """Return the F1 of a class."""
        true, predicted = scores.slices == number, scores.values == number
        return 2 * int((true & predicted).sum()) / (int(true.sum()) + int(predicted.sum()))

    def on_the_way(self, counted: NDArray[Any], samples: int) -> float:  # noqa: ARG002 - the counts hold them
        """Return the macro-F1 of what was counted, (3, classes)."""
        right, predicted, true = np.asarray(counted, np.int64)
        return mean_f1(right, predicted, true)

    def constant(self, targets: Targets) -> Constant:
        """Return what predicting always the largest class reaches: a part of its F1, the others having none."""
        true = np.bincount(targets).astype(np.int64)
        always = np.where(np.arange(len(true)) == true.argmax(), len(targets), 0)
        reached = mean_f1(np.where(always > 0, true, 0), always, true)
        return Constant(reached, reached + CLOSEST, "what predicting always the largest class reaches")


def mean_f1(right: NDArray[np.int64], predicted: NDArray[np.int64], true: NDArray[np.int64]) -> float:
    """Return the mean of `2 right / (predicted + true)` over the classes that occur.

    Args:
        right: (classes,), how often each was predicted where it was the true one.
        predicted: (classes,), how often it was predicted.
        true: (classes,), how often it was the true one; at least one class occurs.
    """
    occurs = predicted + true > 0
    return float(np.mean(2 * right[occurs] / (predicted + true)[occurs]))


def _counts(scores: Scores) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    predicted, true = scores.values.astype(np.int64), scores.slices
    classes = int(max(predicted.max(), true.max())) + 1
    right = true[predicted == true]
    found = [np.bincount(each, minlength=classes).astype(np.int64) for each in (right, predicted, true)]
    return found[0], found[1], found[2]
