"""Outputs of networks."""

from __future__ import annotations

import numpy as np

from featherline.tasks.networks.framework import keras
from featherline.tasks.networks.predict import predict

VALUES = np.array([[2.0, 1.0, 0.0], [0.0, 1.0, 2.0], [1.0, 1.0, 0.0]], np.float32)


def test_outputs_come_in_the_order_of_the_samples_whatever_the_batch() -> None:
    """Batches of two, the last one short, give what one batch gives."""
    model = keras.Sequential([keras.Input((1, 1, 3)), keras.layers.Flatten()])
    samples = VALUES.reshape(3, 1, 1, 3)

    assert (predict(model, samples, batch_size=2) == VALUES).all()
    assert predict(model, samples[:0]).shape == (0, 3)
