"""What a tf_keras model gives for examples, without training behaviour."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.dataset import sole
from featherline.tasks.networks.framework import KerasModel, Tensor, tf
from featherline.tasks.networks.inputs import Fed, as_tensors, count, fitting, in_batches


@runtime_checkable
class ReadInBatches(Protocol):
    """Examples that are not held: each look at them reads them anew."""

    values: int
    """Numbers of one example."""

    def __len__(self) -> int:
        """Return how many there are."""

    def batches(self, size: int, /) -> Iterator[Mapping[str, NDArray[Any]]]:
        """Yield them in their order, so many at a time, by input."""


def predict(model: KerasModel, inputs: Fed | ReadInBatches, batch_size: int = 256) -> Any:  # noqa: ANN401 - an array, or several by name
    """Return the outputs for all examples, (n, ...) float32: of a sole output the array, of several a dict by name.

    Args:
        model: Called without training behaviour, batch by batch.
        inputs: As the model takes them.
        batch_size: Examples a call, at most; fewer of large ones.
    """
    batches: Iterator[Fed]
    if isinstance(inputs, ReadInBatches):
        total, size = len(inputs), fitting(inputs.values, batch_size)
        batches = (sole(dict(batch)) for batch in inputs.batches(size))
    else:
        size = fitting(sum(math.prod(part.shape[1:]) for part in tf.nest.flatten(inputs)), batch_size)
        total, batches = count(inputs), in_batches(inputs, size)
    if total == 0:
        return tf.nest.map_structure(lambda tensor: np.zeros((0, *tensor.shape[1:]), np.float32), model.output)
    parts = [tf.nest.map_structure(_as_float32, model(as_tensors(batch), training=False)) for batch in batches]
    return tf.nest.map_structure(lambda *pieces: np.concatenate(pieces), *parts)


def _as_float32(values: Tensor) -> NDArray[np.float32]:
    return np.asarray(values, np.float32)
