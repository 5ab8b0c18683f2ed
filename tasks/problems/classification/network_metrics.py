"""What a tf_keras model gives on images, and how good that is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.steps.train import ClassMetrics
from featherline.tasks.networks.framework import KerasModel
from featherline.tasks.networks.inputs import Fed, as_tensors, count, in_batches
from featherline.tasks.problems.classification.accuracy import class_recall, confusion


def predict_logits(model: KerasModel, inputs: Fed, batch_size: int = 256) -> NDArray[np.float32]:
    """Return the logits of all examples, (n, classes) float32.

    Args:
        model: Called without training behaviour, batch by batch.
        inputs: As the model takes them.
        batch_size: Examples a call.
    """
    if count(inputs) == 0:
        return np.zeros((0, model.output_shape[-1]), np.float32)
    parts = [
        np.asarray(model(as_tensors(batch), training=False), np.float32) for batch in in_batches(inputs, batch_size)
    ]
    return np.concatenate(parts)


def accuracy(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Return the fraction of images whose largest logit is that of the label; of equal logits the first counts."""
    return float(np.mean(logits.argmax(axis=1) == labels))


def mean_cross_entropy(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Return the mean of `-log softmax(logits)[label]`, in nats."""
    high = logits.max(axis=1, keepdims=True)
    normaliser = np.log(np.exp((logits - high).astype(np.float64)).sum(axis=1)) + high[:, 0]
    return float(np.mean(normaliser - logits[np.arange(len(labels)), labels]))


def class_metrics(
    model: KerasModel,
    inputs: Fed,
    labels: NDArray[np.int64],
    classes: int,
) -> ClassMetrics:
    """Measure a model: accuracy, loss, and the recall of each class (None where no image has it).

    Args:
        model: Gives logits, (n, classes).
        inputs: As the model takes them.
        labels: (n,).
        classes: How many there are.
    """
    logits = predict_logits(model, inputs)
    return ClassMetrics(
        accuracy=accuracy(logits, labels),
        loss=mean_cross_entropy(logits, labels),
        class_recall=class_recall(confusion(logits.argmax(axis=1), labels, classes)),
        samples=len(labels),
    )
