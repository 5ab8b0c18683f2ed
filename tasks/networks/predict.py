"""What a tf_keras model gives for examples, without training behaviour."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.networks.framework import KerasModel, Tensor, tf
from featherline.tasks.networks.inputs import Fed, as_tensors, count, in_batches


def predict(model: KerasModel, inputs: Fed, batch_size: int = 256) -> Any:  # noqa: ANN401 - an array, or several by name
    """Return the outputs for all examples, (n, ...) float32: of a sole output the array, of several a dict by name.

    Args:
        model: Called without training behaviour, batch by batch.
        inputs: As the model takes them.
        batch_size: Examples a call.
    """
    if count(inputs) == 0:
        return tf.nest.map_structure(lambda tensor: np.zeros((0, *tensor.shape[1:]), np.float32), model.output)
    parts = [
        tf.nest.map_structure(_as_float32, model(as_tensors(batch), training=False))
        for batch in in_batches(inputs, batch_size)
    ]
    return tf.nest.map_structure(lambda *pieces: np.concatenate(pieces), *parts)


def _as_float32(values: Tensor) -> NDArray[np.float32]:
    return np.asarray(values, np.float32)
