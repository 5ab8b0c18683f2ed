"""What a tf_keras model gives for examples, without training behaviour."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.networks.framework import KerasModel
from featherline.tasks.networks.inputs import Fed, as_tensors, count, in_batches


def predict(model: KerasModel, inputs: Fed, batch_size: int = 256) -> NDArray[np.float32]:
    """Return the outputs for all examples, (n, ...) float32.

    Args:
        model: Called without training behaviour, batch by batch.
        inputs: As the model takes them.
        batch_size: Examples a call.
    """
    if count(inputs) == 0:
        return np.zeros((0, *model.output_shape[1:]), np.float32)
    parts = [
        np.asarray(model(as_tensors(batch), training=False), np.float32) for batch in in_batches(inputs, batch_size)
    ]
    return np.concatenate(parts)
