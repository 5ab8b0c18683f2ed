"""Examples that a network learns from or is measured on, read as they are needed.

split in the store ──► kept in memory as stored (small), or read by position (large) ──► Part
                              Part ──► take, sample, blocks: narrower parts, nothing read
                                   ──► stored: some examples as they lie there        (training: ready in the graph)
                                   ──► inputs: all of this part as a model takes them (measuring, scores)
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from featherline.tasks.contracts.dataset import sole
from featherline.tasks.contracts.preprocessing import Preprocessing
from featherline.tasks.data.dataset import Examples, Targets, taken
from featherline.tasks.modalities.feeding import prepared

BLOCK = 256
"""Examples that a network is given at once where it does not learn, at most."""
BLOCK_BYTES = 32 * 2**20
"""Of these examples as float32, at most; a network makes several times as many of them."""


FLOAT_BYTES = 4


class Reads(Protocol):
    """What examples are read from, such as `SplitReader`."""

    def __len__(self) -> int:
        """Return the number of examples."""

    def take(self, indices: ArrayLike, /) -> Examples:
        """Return some of them: the inputs by name, each (k, …) as stored, in the order of the indices."""

    def close(self) -> None:
        """Let go of what is read from."""


@dataclass(frozen=True)
class Part:
    """Some examples of a split with their targets, as one model takes them.

    Attributes:
        source: What holds the examples as they are stored: arrays by input, or what reads them.
        targets: (n, …), of these examples.
        preprocessing: Of the model, by input; an input without one is as the model takes it already.
        places: (n,) where in the source these examples lie; None where they are all of it, in its order.
    """

    source: Mapping[str, NDArray[Any]] | Reads
    targets: Targets
    preprocessing: Mapping[str, Preprocessing] = field(default_factory=dict)
    places: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, chosen: Any) -> Part:  # noqa: ANN401 - what NumPy takes as an index
        """Return some of the examples; nothing is read yet."""
        return replace(self, targets=self.targets[chosen], places=self._places(chosen))

    def sample(self, count: int, seed: int) -> Part:
        """Return at most so many examples, drawn without replacement."""
        return self.take(np.random.default_rng(seed).permutation(len(self))[:count])

    def blocks(self, size: int | None = None) -> Iterator[Part]:
        """Yield the examples in their order, so many at a time, else in blocks for a network that does not learn."""
        return (self.take(span) for span in self.spans(size))

    def spans(self, size: int | None = None) -> list[slice]:
        """Return where each of these blocks lies."""
        size = size or max(1, min(BLOCK, BLOCK_BYTES // (FLOAT_BYTES * sum(self._numbers()))))
        return [slice(start, start + size) for start in range(0, len(self), size)]

    @property
    def stored_bytes(self) -> int:
        """Return the bytes of one example as it is stored and decoded."""
        return sum(
            count * values.dtype.itemsize
            for count, values in zip(self._numbers(), self.stored(slice(0)).values(), strict=True)
        )

    def _numbers(self) -> list[int]:
        """Return how many numbers one example has, for each input."""
        return [math.prod(values.shape[1:]) for values in self.stored(slice(0)).values()]

    def stored(self, chosen: Any = None) -> Examples:  # noqa: ANN401 - what NumPy takes as an index
        """Read some of the examples, all where nothing is chosen, as they are stored: by input, each (k, …)."""
        if isinstance(self.source, Mapping):
            if chosen is None and self.places is None:
                return dict(self.source)
            return taken(self.source, self._places(slice(None) if chosen is None else chosen))
        return self.source.take(self._places(slice(None) if chosen is None else chosen))

    @property
    def in_memory(self) -> bool:
        """Return whether reading costs nothing."""
        return isinstance(self.source, Mapping)

    @property
    def examples(self) -> Examples:
        """Read all examples of this part as the model takes them, by input. Only small parts fit the memory."""
        stored = self.stored()
        return {**stored, **prepared(stored, self.preprocessing)}

    @property
    def inputs(self) -> Any:  # noqa: ANN401 - an array or a dict of them
        """Read what a network is fed: the array of a sole input, or those of several by name. Of small parts."""
        return sole(self.examples)

    def at(self, chosen: Any) -> NDArray[np.int64]:  # noqa: ANN401 - what NumPy takes as an index
        """Return where in the source some of the examples lie."""
        return self._places(chosen)

    def close(self) -> None:
        """Close what the examples are read from."""
        if not isinstance(self.source, Mapping):
            self.source.close()

    def _places(self, chosen: Any) -> NDArray[np.int64]:  # noqa: ANN401
        whole = np.arange(len(self)) if self.places is None else self.places
        places: NDArray[np.int64] = whole[chosen]
        return places
