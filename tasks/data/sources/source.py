"""What every source gives: labels first, so that splits can be planned, then the examples that are wanted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from featherline.tasks.data.sources.intake import IntakeLog
    from featherline.tasks.data.sources.place import Place

Label = int | str | None
"""An integer or a name, as the source has it; None where it has none."""


@dataclass(frozen=True)
class Unread:
    """An example that could not even be fetched: its file is gone, too large, not to be read, or no file."""

    reason: str


RawExample = bytes | NDArray[np.uint8] | NDArray[np.float32] | Unread
"""An encoded file, or values in the shape of an example: bytes as they are, floats to be scaled."""

SourceSplit = Literal["all", "train", "validation", "test"]
"""`all`: the source has no splits of its own."""


class Undecided(Exception):  # noqa: N818 - a state, not a fault
    """What must be known of all examples, before the first can be encoded, is not known yet."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What came of one raw example, taken by itself.

    Attributes:
        values: As a shard holds them; None where it is corrupt, or larger than any shard holds.
        shape: Of the values, also where those are left out; () of a corrupt one.
        corrupt: Why it could not be decoded; empty where it could.
        changes: What was done to it beyond decoding and resizing, in words.
    """

    values: NDArray[Any] | None
    shape: tuple[int, ...] = ()
    corrupt: str = ""
    changes: tuple[str, ...] = ()


class Decoding(Protocol):
    """Decodes raw examples, each by itself. A value: other processes get it, and several decode at once."""

    def __call__(self, raw: Any, /) -> Decoded:  # noqa: ANN401 - what the source gives
        """Decode one.

        Raises:
            Undecided: It cannot be decoded before all examples were looked at.
        """


class Packing(Protocol):
    """Makes of an example what a shard of encoded ones holds. A value, as a `Decoding` is."""

    def __call__(self, raw: Any, values: NDArray[Any], /) -> bytes:  # noqa: ANN401 - what the source gives
        """Return a file from which the values come back exactly, of an example of the source."""


@dataclass(frozen=True)
class SourceTargets:
    """What is to be answered, of a whole source.

    Attributes:
        vocabulary: The names of what an answer may be; none where it is a number.
        by_split: (rows of the split, …) as a shard holds them.
    """

    vocabulary: tuple[str, ...]
    by_split: dict[SourceSplit, NDArray[Any]]


class Source(Protocol):
    """Labelled examples in splits. Both passes over a split go through the same rows in the same order."""

    scales: Mapping[str, float]
    """The largest stored value of each input, by its name: which inputs there are, and in which order."""
    vocabulary: tuple[str, ...] | None
    """The names of what an answer may be, where the source knows them: in label order."""
    splits: tuple[SourceSplit, ...]
    log: IntakeLog
    """What the source left out, told from its opening on."""

    def labels(self, split: SourceSplit) -> Iterator[list[Label]]:
        """Yield the labels of a split, some at a time, without reading its examples."""

    def examples(self, split: SourceSplit, wanted: NDArray[np.bool_]) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """Yield the row and the inputs by name, as they lie there, where `wanted`, (rows of the split,), is True."""

    def where(self, split: SourceSplit, row: int) -> str:
        """Return where a row lies, for people: `file:row`."""


def read_example(place: Place, name: str) -> bytes | Unread:
    """Return a file, or why it cannot be read."""
    try:
        return place.read(name)
    except FileNotFoundError:
        return Unread("no such file")
    except OSError as error:
        return Unread(error.strerror or str(error))
