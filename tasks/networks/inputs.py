"""What a network is fed: the array of its sole input, or a dict of several by the names of its input layers.

Never a list: the order of a list is another one in Keras, in the converter and in the file.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.dataset import InputShape
from featherline.tasks.networks.framework import KerasLayer, KerasModel, Tensor, keras, tf
from featherline.tasks.networks.layer_kinds.table import kind_of

Fed = Any
"""An array or tensor, or a dict of them."""

BATCH_BYTES = 16 * 2**20
"""Of the inputs of one call, at most: what a network computes of a large example is some hundred times its numbers."""
FLOAT_BYTES = 4


def input_specs(model: KerasModel, batch: int | None = None) -> Any:  # noqa: ANN401 - of TensorFlow
    """Return what a model is fed, as a signature: a `TensorSpec` of `batch` examples, or a dict of several."""
    specs = {
        name: tf.TensorSpec((batch, *tensor.shape[1:]), tensor.dtype)
        for name, tensor in zip(model.input_names, model.inputs, strict=True)
    }
    return next(iter(specs.values())) if len(specs) == 1 else specs


def batch_size(model: KerasModel, most: int) -> int:
    """Return how many examples a network is given at once: `most` of small ones, fewer of large ones."""
    specs = tf.nest.flatten(input_specs(model))
    return fitting(sum(math.prod(size or 1 for size in spec.shape[1:]) for spec in specs), most)


def fitting(values: int, most: int) -> int:
    """Return how many examples of so many numbers are one batch: an even number of large ones, at most `most`."""
    return min(most, max(2, BATCH_BYTES // (FLOAT_BYTES * max(values, 1)) // 2 * 2))


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
    """Return inputs that a model takes, each made of its shape with the number of examples in front.

    Where a model takes whole numbers, such as the places of words, they count up from 0 through the rows that it has.
    """
    specs, rows = input_specs(model), _rows(model)

    def one(name: str, spec: Any) -> NDArray[Any]:  # noqa: ANN401 - of TensorFlow
        shape, dtype = (count, *spec.shape[1:]), spec.dtype.as_numpy_dtype
        if name in rows:
            return (np.arange(math.prod(shape)) % rows[name]).reshape(shape).astype(dtype)
        return make(shape).astype(dtype)

    if isinstance(specs, dict):
        return {name: one(name, spec) for name, spec in specs.items()}
    return one(model.input_names[0], specs)


def noise(model: KerasModel, count: int, seed: int = 0) -> Fed:
    """Return normally distributed inputs that a model takes; whole numbers as `filled` does."""
    generator = np.random.default_rng(seed)
    return filled(model, count, lambda shape: generator.normal(size=shape))


def _rows(model: KerasModel) -> dict[str, int]:
    """Return how many rows a model has for each input of whole numbers: of its embedding, of any, or two."""
    found: dict[str, int] = {}
    every = [_rows_of(layer) for layer in model.submodules if isinstance(layer, keras.layers.Layer)]
    fewest = min([rows for rows in every if rows], default=2)
    for name, tensor in zip(model.input_names, model.inputs, strict=True):
        read = [_rows_of(layer) for layer in _readers(model, tensor)]
        if any(read) or tensor.dtype.is_integer:
            found[name] = min([rows for rows in read if rows], default=fewest)
    return found


def _readers(model: KerasModel, tensor: Tensor) -> list[KerasLayer]:
    """Return the layers that read an input of a model."""
    nodes = [node for nodes in model._nodes_by_depth.values() for node in nodes]  # noqa: SLF001 - Keras 2 shows the order of a graph only here
    return [node.layer for node in nodes if any(given is tensor for given in tf.nest.flatten(node.keras_inputs))]


def _rows_of(layer: KerasLayer) -> int:
    kind = kind_of(layer)
    return 0 if kind is None or kind.rows is None else int(getattr(layer, kind.rows))
