"""Examples of a split as one model takes them, of which a batch is held and no more.

    SplitReader ──► places, in any order ──► batch as it is stored ──► preprocessing of the model ──► batch, float32

What is taken of them is a choice of places: nothing is read before a batch is asked for, and each time anew.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.dataset import Dataset, SplitName
from featherline.tasks.contracts.preprocessing import Preprocessing
from featherline.tasks.data.dataset import Examples, Targets
from featherline.tasks.data.reading import SplitReader
from featherline.tasks.modalities.feeding import prepared
from featherline.tasks.modalities.reading import open_split
from featherline.tasks.store.array_rows import rows_of
from featherline.tasks.store.artifacts import Store

FLOAT_BYTES = 4


@dataclass(frozen=True)
class ModelInputs:
    """Some examples of a split, in an order, as a model takes them.

    Attributes:
        reader: Of the split, open for as long as batches are asked for.
        feeding: What makes each input, by name.
        places: (n,) of the split, in the order of the examples here.
        values: Numbers of one example, all inputs together.
    """

    reader: SplitReader
    feeding: Mapping[str, Preprocessing]
    places: NDArray[np.int64]
    values: int

    def __len__(self) -> int:
        return len(self.places)

    @property
    def targets(self) -> Targets:
        """Return what is to be answered, (n, …)."""
        return self.reader.targets[self.places]

    @property
    def batch_size(self) -> int:
        """Return how many examples are held at once where nobody asks for another number."""
        return rows_of((self.values,), FLOAT_BYTES)

    def take(self, chosen: Any) -> ModelInputs:  # noqa: ANN401 - what NumPy takes as an index
        """Return some of these examples, of which none is read yet."""
        return ModelInputs(self.reader, self.feeding, self.places[chosen], self.values)

    def fed_by(self, feeding: Mapping[str, Preprocessing]) -> ModelInputs:
        """Return the same examples as another model takes them."""
        return ModelInputs(self.reader, feeding, self.places, self.values)

    def stored(self) -> Examples:
        """Return all of these examples as they are stored: for a few."""
        return self.reader.take(self.places)

    def arrays(self) -> Examples:
        """Return all of these examples as the model takes them: for a few."""
        return prepared(self.stored(), self.feeding)

    def batches(self, size: int | None = None) -> Iterator[Examples]:
        """Yield the examples in their order as the model takes them, `size` at a time, else `batch_size`."""
        step = size or self.batch_size
        for start in range(0, len(self), step):
            yield self.take(slice(start, start + step)).arrays()

    def stored_batches(self) -> Iterator[Examples]:
        """Yield the examples in their order as they are stored, `batch_size` at a time."""
        for start in range(0, len(self), self.batch_size):
            yield self.take(slice(start, start + self.batch_size)).stored()


@contextmanager
def opened_inputs(
    store: Store, dataset: Dataset, split: SplitName, feeding: Mapping[str, Preprocessing]
) -> Iterator[ModelInputs]:
    """Give a whole split as a model with this preprocessing takes it, for as long as the block runs."""
    with open_split(store, dataset, split) as reader:
        yield inputs_of(reader, dataset, feeding)


def inputs_of(reader: SplitReader, dataset: Dataset, feeding: Mapping[str, Preprocessing]) -> ModelInputs:
    """Return all examples of an open split as a model with this preprocessing takes them."""
    values = sum(math.prod(spec.shape) for spec in dataset.inputs.values())
    return ModelInputs(reader, feeding, np.arange(len(reader)), values)
