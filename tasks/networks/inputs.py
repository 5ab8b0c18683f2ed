"""What a network is fed: the array of its sole input, or a dict of several by the names of its input layers.

Never a list: the order of a list is another one in Keras, in the converter and in the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.dataset import InputShape
from featherline.tasks.networks.framework import KerasModel, tf

Fed = Any
"""An array or tensor, or a dict of them."""


def input_specs(model: KerasModel, batch: int | None = None) -> Any:  # noqa: ANN401 - of TensorFlow
    """Return what a model is fed, as a signature: a `TensorSpec` of `batch` examples, or a dict of several."""
    specs = {
        name: tf.TensorSpec((batch, *tensor.shape[1:]), tensor.dtype)
        for name, tensor in zip(model.input_names, model.inputs, strict=True)
    }
    return next(iter(specs.values())) if len(specs) == 1 else specs


def count(inputs: Fed) -> int:
    """Return how many examples there are."""
    return len(tf.nest.flatten(inputs)[0])


def some(inputs: Fed, chosen: Any) -> Fed:  # noqa: ANN401 - what NumPy takes as an index
    """Return some of the examples, by what NumPy takes as an index."""
    return tf.nest.map_structure(lambda values: values[chosen], inputs)


def in_batches(inputs: Fed, size: int) -> Iterator[Fed]:
    """Yield the examples in their order, `size` at a time."""
    return (some(inputs, slice(start, start + size)) for start in range(0, count(inputs), size))


def as_tensors(inputs: Fed) -> Fed:
    """Return the inputs as tensors."""
    return tf.nest.map_structure(tf.constant, inputs)


def shape_of(model: KerasModel) -> InputShape:
    """Return the shape of one example: of a sole input, or those of several by name."""
    specs = input_specs(model)
    if isinstance(specs, dict):
        return {name: tuple(spec.shape[1:]) for name, spec in specs.items()}
    return tuple(specs.shape[1:])


def filled(model: KerasModel, count: int, make: Callable[[tuple[int, ...]], NDArray[Any]]) -> Fed:
    """Return inputs that a model takes, each made of its shape with the number of examples in front."""
    specs = input_specs(model)
    if isinstance(specs, dict):
        return {name: make((count, *spec.shape[1:])).astype(np.float32) for name, spec in specs.items()}
    return make((count, *specs.shape[1:])).astype(np.float32)


def noise(model: KerasModel, count: int, seed: int = 0) -> Fed:
    """Return normally distributed inputs that a model takes."""
    generator = np.random.default_rng(seed)
    return filled(model, count, lambda shape: generator.normal(size=shape))
