"""What the compiled steps are called with: several batches at a time, of examples in memory or just read.

    batches of an epoch ──► in memory: all examples, once, and where in them each batch lies
                        ──► large:     the examples of a few batches, read by threads while the network learns

Both give the same batches, so that what is learnt is the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.modalities.views import InputViews
from featherline.tasks.networks.framework import Tensor, tf
from featherline.tasks.networks.inputs import Fed
from featherline.tasks.training.ahead import read_ahead
from featherline.tasks.training.part import Part

EXAMPLES_A_CALL = 2048
"""Up to so many, in whole batches: calls of a few milliseconds cost nothing then, and none takes long."""
READ_BYTES = 8 * 2**20
"""Of examples as they are stored that are read at once where they are not in memory; one batch at least."""
AHEAD_BYTES = 64 * 2**20
"""Of examples that are read ahead, at most; one call at least."""
MOST_AHEAD = 4
"""Calls that are read ahead."""


class Call(NamedTuple):
    """Some batches of an epoch, the numbers `first` to `last - 1`, as the compiled steps take them.

    Attributes:
        examples: (m, …), as `InputViews.for_graph` gives them.
        targets: (m, …).
        order: (k,) places in both, batch after batch.
        ends: (batches + 1,) where in the order each batch begins, and the last one ends.
    """

    first: int
    last: int
    examples: Fed
    targets: Tensor
    order: NDArray[np.int32]
    ends: NDArray[np.int32]


class Feed:
    """Gives a part of the data to compiled steps."""

    def __init__(self, part: Part, views: InputViews, signature: tuple[Any, Any]) -> None:
        """Feed this part.

        Args:
            part: The examples.
            views: Makes them ready for the steps.
            signature: Of examples and targets as the steps take them.
        """
        self.part, self.views = part, views
        self._fed, self._answers = signature
        self._bytes = part.stored_bytes
        self._whole = self._tensors(part.stored(), part.targets) if part.in_memory else None

    def calls(self, batches: Sequence[NDArray[np.int64]], steps: int | None = None) -> Iterator[Call]:
        """Yield the calls of an epoch, in order.

        Args:
            batches: Indices of the examples of each.
            steps: Batches in a call, where that is not left to their sizes.
        """
        size = max(map(len, batches))
        most = steps or max(1, EXAMPLES_A_CALL // size)
        if self._whole is None:
            most = max(1, min(most, READ_BYTES // (size * self._bytes)))
        spans = [(first, min(first + most, len(batches))) for first in range(0, len(batches), most)]
        if self._whole is not None:
            examples, targets = self._whole
            for first, last in spans:
                order = np.concatenate(batches[first:last]).astype(np.int32)
                yield Call(first, last, examples, targets, order, _ends(batches[first:last]))
            return

        def read(span: tuple[int, int]) -> Call:
            asked = batches[slice(*span)]
            chosen = np.concatenate(asked)
            tensors = self._tensors(self.part.stored(chosen), self.part.targets[chosen])
            return Call(*span, *tensors, np.arange(len(chosen), dtype=np.int32), _ends(asked))

        yield from read_ahead(spans, read, self._ahead(most * size))

    def blocks(self) -> Iterator[Fed]:
        """Yield the examples in their order, in the blocks of their part, as `InputViews.for_graph` gives them."""
        spans = self.part.spans()
        if self._whole is not None:
            examples, _ = self._whole
            for span in spans:
                yield tf.nest.map_structure(lambda values, span=span: values[span], examples)
            return
        yield from read_ahead(spans, lambda span: self._examples(self.part.stored(span)), self._ahead(spans[0].stop))

    def _ahead(self, examples: int) -> int:
        return max(1, min(MOST_AHEAD, AHEAD_BYTES // (examples * self._bytes)))

    def _tensors(self, stored: dict[str, NDArray[Any]], targets: NDArray[Any]) -> tuple[Fed, Tensor]:
        return self._examples(stored), tf.constant(targets, self._answers.dtype)

    def _examples(self, stored: dict[str, NDArray[Any]]) -> Fed:
        given = self.views.for_graph(stored)
        return tf.nest.map_structure(lambda values, spec: tf.constant(values, spec.dtype), given, self._fed)


def _ends(batches: Sequence[NDArray[np.int64]]) -> NDArray[np.int32]:
    return np.cumsum([0, *map(len, batches)]).astype(np.int32)
