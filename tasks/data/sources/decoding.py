"""Decoding some examples at a time, and counting what the samples and the statistics say of them.

    raw examples ──► [Work], in any process ──► Decoded of each, and the whole ones together, with what is counted

Nothing here depends on what was decoded before, so that the order of the work and the number of workers do not matter.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.data.dataset import Examples
from featherline.tasks.data.sources.source import Decoded, Decoding, Packing

BLOCK_BYTES = 4 * 2**20
"""Values at a time for squares, which need four times the memory."""


class Profiled(Protocol):
    """What a modality counts of each example, for the data gate."""

    columns: Mapping[str, str]
    """Their names, and `int64` or `float64`."""

    def profile(self, examples: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Return (n,) numbers for each column, of (n, …) examples as they are stored."""


@dataclass(frozen=True)
class Counted:
    """What is counted of examples.

    Attributes:
        sha256: (k,), of the values of all inputs.
        columns: (k,) each, what the inputs' modalities count, under the name of the input.
        sums: By input (k, 2, channels): the sums of the values and of their squares.
    """

    sha256: NDArray[np.str_]
    columns: Mapping[str, NDArray[Any]]
    sums: Mapping[str, NDArray[Any]]

    def of(self, rows: NDArray[np.intp]) -> Counted:
        """Return what is counted of some of them."""
        return Counted(
            self.sha256[rows],
            {name: values[rows] for name, values in self.columns.items()},
            {name: values[rows] for name, values in self.sums.items()},
        )


@dataclass(frozen=True)
class Whole:
    """Examples that were decoded and have one shape, input by input.

    Attributes:
        rows: (k,), their places among those that were decoded together.
        examples: By input, (k, …) as an array shard holds them; of an input that is stored encoded, (k,) of its files.
        counted: What is counted of them.
    """

    rows: NDArray[np.intp]
    examples: Examples
    counted: Counted

    def of(self, chosen: NDArray[np.intp]) -> Whole:
        """Return some of them, by their place among these."""
        if len(chosen) == len(self.rows):
            return self
        examples = {name: values[chosen] for name, values in self.examples.items()}
        return Whole(self.rows[chosen], examples, self.counted.of(chosen))


@dataclass(frozen=True)
class Worked:
    """What came of some raw examples.

    Attributes:
        decoded: Of each and by input, without the values.
        whole: The values, of those that have all inputs: a group for each shape that there is.
    """

    decoded: Sequence[Mapping[str, Decoded]]
    whole: Sequence[Whole]

    def accepted(self, mask: NDArray[np.bool_]) -> Whole | None:
        """Return the whole examples that were accepted, which have one shape; None where there are none.

        Args:
            mask: True where an example was accepted.
        """
        for group in self.whole:
            chosen = np.flatnonzero(mask[group.rows])
            if len(chosen):
                return group.of(chosen)
        return None


@dataclass(frozen=True)
class Work:
    """Decodes some examples, and counts.

    Attributes:
        decodings: Of each input.
        profiled: What else is counted of each.
        packings: Of the inputs that are stored encoded.
    """

    decodings: Mapping[str, Decoding]
    profiled: Mapping[str, Profiled]
    packings: Mapping[str, Packing]

    def __call__(self, raw: Sequence[Mapping[str, Any]], /) -> Worked:
        """Decode them. Raises `Undecided` as a `Decoding` does."""
        decoded = [{name: self.decodings[name](one) for name, one in example.items()} for example in raw]
        by_shape: dict[tuple[Any, ...], list[int]] = {}
        for row, example in enumerate(decoded):
            if all(one.values is not None for one in example.values()):
                by_shape.setdefault(tuple(one.shape for one in example.values()), []).append(row)
        whole = [self._whole(raw, decoded, np.asarray(rows)) for rows in by_shape.values()]
        bare = [
            {name: Decoded(None, one.shape, one.corrupt, one.changes) for name, one in example.items()}
            for example in decoded
        ]
        return Worked(bare, whole)

    def _whole(
        self, raw: Sequence[Mapping[str, Any]], decoded: Sequence[Mapping[str, Decoded]], rows: NDArray[np.intp]
    ) -> Whole:
        examples: Examples = {
            name: np.stack([decoded[row][name].values for row in rows.tolist()]) for name in self.profiled
        }
        sha256 = np.asarray([_digest(examples, row) for row in range(len(rows))])
        columns = {
            f"{name}_{column}": counted[column]
            for name, of in self.profiled.items()
            for counted in [of.profile(examples[name])]
            for column in of.columns
        }
        sums = {name: _sums(values) for name, values in examples.items()}
        for name, packing in self.packings.items():
            files = np.empty(len(rows), object)
            files[:] = [packing(raw[row][name], values) for row, values in zip(rows, examples[name], strict=True)]
            examples[name] = files
        return Whole(rows, examples, Counted(sha256, columns, sums))


def _without_values(decoded: Decoded) -> Decoded:
    return Decoded(None, decoded.shape, decoded.corrupt, decoded.changes)


def blocks(values: NDArray[Any]) -> list[NDArray[Any]]:
    """Return examples (n, …) some at a time."""
    rows = max(1, BLOCK_BYTES // values[0].nbytes)
    return [values[start : start + rows] for start in range(0, len(values), rows)]


def squares(values: NDArray[Any]) -> NDArray[Any]:
    """Return the squares, those of bytes exact."""
    squared: NDArray[Any] = np.square(values, dtype=np.uint32 if values.dtype == np.uint8 else np.float64)
    return squared


def _sums(values: NDArray[Any]) -> NDArray[Any]:
    """Return (n, 2, channels): the sums of each example's values and of their squares, of bytes exact."""
    exact = np.uint64 if values.dtype.kind == "u" else np.float64
    found = []
    for part in blocks(values):
        channels = np.ascontiguousarray(np.moveaxis(part, -1, 1)).reshape(len(part), part.shape[-1], -1)
        both = (channels.sum(axis=-1, dtype=exact), squares(channels).sum(axis=-1, dtype=exact))
        found.append(np.stack(both, axis=1))
    return np.concatenate(found)


def _digest(examples: Examples, row: int) -> str:
    """Return the digest of one example: of the bytes of its inputs, in the order of their names."""
    return hashlib.sha256(b"".join(examples[name][row].tobytes() for name in sorted(examples))).hexdigest()
