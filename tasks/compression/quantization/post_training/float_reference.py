"""How far a quantized file is from the float file that it was made from, on the same examples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.data.dataset import Targets
from featherline.tasks.litert.interpreter import Fed, FileRunner, some

Logits = NDArray[np.float32]


@dataclass(frozen=True)
class Comparison:
    """One file.

    Attributes:
        accuracy: Fraction of the examples that it gets right.
        drop: Accuracy of the float file less its own; negative where it is better.
        agreement: Fraction of the images on which both predict one class.
        divergence: Mean Kullback-Leibler divergence of its predictions from the float file's, in nats.
    """

    accuracy: float
    drop: float
    agreement: float
    divergence: float


class FloatReference:
    """The float file's outputs, which every other file is compared with."""

    def __init__(self, file: bytes, fed: Fed, labels: Targets) -> None:
        """Run the float file on examples as the model takes them, n > 0."""
        self.examples, self.labels = fed, labels
        self.logits = FileRunner(file).predict(fed)

    def compare(self, file: bytes, most: int | None = None) -> Comparison:
        """Run a file on all examples, or on the first `most`."""
        logits = FileRunner(file).predict(some(self.examples, slice(most)))
        truth, labels = self.logits[:most], self.labels[:most]
        right = logits.argmax(axis=1) == labels
        return Comparison(
            accuracy=float(right.mean()),
            drop=float((truth.argmax(axis=1) == labels).mean() - right.mean()),
            agreement=float((truth.argmax(axis=1) == logits.argmax(axis=1)).mean()),
            divergence=divergence(truth, logits),
        )


def divergence(truth: Logits, other: Logits) -> float:
    """Return the mean over the rows of KL(softmax(truth) || softmax(other)), in nats.

    Source: Kullback and Leibler 1951, equation 2.4, https://doi.org/10.1214/aoms/1177729694
    """
    p, q = log_softmax(truth), log_softmax(other)
    return float((np.exp(p) * (p - q)).sum(axis=1).mean())


def log_softmax(logits: Logits) -> NDArray[np.float64]:
    """Return the logarithms of the probabilities of each row."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    normalised: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return normalised
