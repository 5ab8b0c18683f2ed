"""What a tf_keras model gives on images, and how good that is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.steps.train import ClassMetrics
from featherline.tasks.networks.framework import KerasModel, tf
from featherline.tasks.problems.classification.accuracy import class_recall, confusion


def predict_logits(model: KerasModel, images: NDArray[np.float32], batch_size: int = 256) -> NDArray[np.float32]:
    """Return the logits of all images, (n, classes) float32.

    Args:
        model: Called without training behaviour, batch by batch.
        images: (n, height, width, channels), as the model takes them.
        batch_size: Images a call.
    """
    if len(images) == 0:
        return np.zeros((0, model.output_shape[-1]), np.float32)
    batches = (images[start : start + batch_size] for start in range(0, len(images), batch_size))
    parts = [np.asarray(model(tf.constant(batch), training=False), np.float32) for batch in batches]
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
    images: NDArray[np.float32],
    labels: NDArray[np.int64],
    classes: int,
) -> ClassMetrics:
    """Measure a model: accuracy, loss, and the recall of each class (None where no image has it).

    Args:
        model: Gives logits, (n, classes).
        images: (n, height, width, channels), as the model takes them.
        labels: (n,).
        classes: How many there are.
    """
    logits = predict_logits(model, images)
    return ClassMetrics(
        accuracy=accuracy(logits, labels),
        loss=mean_cross_entropy(logits, labels),
        class_recall=class_recall(confusion(logits.argmax(axis=1), labels, classes)),
        samples=len(labels),
    )
