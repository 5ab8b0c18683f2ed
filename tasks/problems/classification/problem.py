"""Classification: one class of several for each sample. What is right is the class with the largest output."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.fit import Fit
from featherline.tasks.contracts.problems.classification import ACCURACY, ClassificationDetails
from featherline.tasks.contracts.quality import Slice
from featherline.tasks.contracts.steps.preprocess import PreprocessParams
from featherline.tasks.contracts.words import amount, percent
from featherline.tasks.data.sources.source import Source, SourceTargets
from featherline.tasks.problems.classification import class_order, class_weights, metrics
from featherline.tasks.problems.classification.labels import read_labels
from featherline.tasks.problems.protocol import Constant, Guess, Outputs, Scores, Targets, Words

SURE = 2.326
"""Standard deviations that a guess stays below in 99 of 100 cases."""


class Classification:
    """One class of several: outputs are logits (n, classes), targets the numbers of classes (n,)."""

    name = "classification"
    quality = ACCURACY
    is_mean = True
    words = Words(unit="image", slice="class", slices="classes", slice_quality="recall")
    teacher_floor = 0.5
    """Which a teacher of two classes reaches by guessing: hence `guess` beside it."""
    slice_floor = 0.01

    def read_targets(self, source: Source, params: PreprocessParams) -> SourceTargets:
        """Return the numbers of the classes, and their names."""
        return read_labels(source, params.classes)

    def strata(self, targets: Targets) -> NDArray[np.int64]:
        """Return the classes."""
        return targets.astype(np.int64)

    def strata_weights(
        self, fit: Fit, counts: NDArray[np.int64], vocabulary: Sequence[str]
    ) -> NDArray[np.float32] | None:
        """Return the weight of each class."""
        return class_weights.of_classes(fit.class_weights, counts, vocabulary)

    def slice_names(self, vocabulary: Sequence[str]) -> tuple[str, ...]:
        """Return the names of the classes."""
        return tuple(vocabulary)

    def outputs(self, vocabulary: Sequence[str]) -> dict[str, tuple[int, ...]]:
        """Return the logits, (classes,)."""
        return {"logits": (len(vocabulary),)}

    def answers(self, vocabulary: Sequence[str]) -> int:
        """Return how many classes there are."""
        return len(vocabulary)

    def score(self, outputs: Outputs, targets: Targets) -> Scores:
        """Return 1 for each sample whose largest output is that of its class, of equals the first; else 0."""
        return Scores((outputs.argmax(axis=1) == targets).astype(np.float64), targets.astype(np.int64))

    def aggregate(self, scores: Scores) -> float:
        """Return the accuracy."""
        return float(np.mean(scores.values))

    def slice_quality(self, scores: Scores, number: int) -> float:
        """Return the recall of a class."""
        return float(np.mean(scores.values[scores.slices == number]))

    def on_the_way(self, counted: NDArray[Any], samples: int) -> float:
        """Return the accuracy, of how many predictions were right."""
        return float(counted) / samples

    def agreement(self, outputs: Outputs, others: Outputs) -> NDArray[np.bool_]:
        """Return where both predict one class."""
        same: NDArray[np.bool_] = outputs.argmax(axis=1) == others.argmax(axis=1)
        return same

    def divergence(self, truth: Outputs, other: Outputs) -> NDArray[np.float64]:
        """Return the Kullback-Leibler divergence of the probabilities of each sample, in nats."""
        return metrics.divergence(truth, other)

    def mean_loss(self, outputs: Outputs, targets: Targets) -> float:
        """Return the mean cross entropy, in nats."""
        return metrics.mean_cross_entropy(outputs, targets)

    def constant(self, targets: Targets) -> Constant:
        """Return the share of the largest class."""
        counts, samples = np.bincount(targets), len(targets)
        most = int(counts.max())
        return Constant(most / samples, (most + 1) / samples, "the share of the largest class")

    def knows(self, outputs: Outputs, targets: Targets) -> bool:
        """Return whether the predictions are better than chance."""
        return not class_order.at_chance(outputs.argmax(axis=1), targets, outputs.shape[1])

    def explaining_order(self, outputs: Outputs, targets: Targets, least: float) -> tuple[int, ...] | None:
        """Return the data's class that each output means, where another order explains the predictions."""
        return class_order.explaining_order(outputs.argmax(axis=1), targets, outputs.shape[1], least)

    def in_order(self, outputs: Outputs, order: Sequence[int]) -> Outputs:
        """Return each class's output in its place."""
        return outputs[:, np.argsort(np.asarray(order))]

    def guess(self, slices: Sequence[Slice], samples: int) -> Guess | None:
        """Return the mean recall, or F1, of the classes beside that of guesses.

        A constant answer, and a guess of whatever odds, have a mean recall of 1 / classes, however rare a class is, and
        a mean F1 of no more: of a class that has the share p and is guessed with the odds q it is the harmonic mean of
        p and q. A class without samples has none, so that the mean is unknown (NaN).
        """
        chance = 1 / max(len(slices), 1)
        room = max(SURE * math.sqrt(chance * (1 - chance) / max(samples, 1)), 0.5 / max(samples, 1))
        recalls = [math.nan if each.quality is None else each.quality for each in slices]
        return Guess(
            value=float(np.mean(recalls)) if recalls else math.nan,
            floor=chance + room,
            expected=f"a mean {self.words.slice_quality} of the classes of at least {percent(chance + room)}: "
            f"a guess has {percent(chance)}, give or take {amount(room)} on {samples} images",
        )

    def details(self, batches: Iterable[tuple[Outputs, Targets]]) -> ClassificationDetails:
        """Return the confusion matrix and the calibration error. Of each sample two numbers are held."""
        matrix, sure, right = np.zeros((0, 0), np.int64), [], []
        for outputs, targets in batches:
            predicted, classes = outputs.argmax(axis=1), outputs.shape[1]
            counted = metrics.confusion(predicted, targets, classes)
            matrix = matrix + counted if matrix.size else counted
            sure.append(metrics.confidences(outputs))
            right.append(predicted == targets)
        return ClassificationDetails(
            confusion=tuple(tuple(map(int, row)) for row in matrix),
            calibration_error=metrics.gap(np.concatenate(sure), np.concatenate(right)),
        )
