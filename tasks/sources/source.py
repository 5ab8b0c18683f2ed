"""What every source gives: labels first, so that splits can be planned, then the images that are wanted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Label = int | str | None
"""An integer or a name, as the source has it; None where it has none."""

Image = bytes | NDArray[np.uint8]
"""An encoded file (PNG, JPEG, …), or pixels (height, width, channels)."""

SourceSplit = Literal["all", "train", "validation", "test"]
"""`all`: the source has no splits of its own."""


class Source(Protocol):
    """Labelled images in splits. Both passes over a split go through the same rows in the same order."""

    scale: float
    """The largest pixel value."""
    class_names: tuple[str, ...] | None
    """Where the source knows them: in label order."""
    splits: tuple[SourceSplit, ...]

    def labels(self, split: SourceSplit) -> Iterator[list[Label]]:
        """Yield the labels of a split, some at a time, without reading its images."""

    def images(self, split: SourceSplit, wanted: NDArray[np.bool_]) -> Iterator[tuple[int, Image]]:
        """Yield the row and the image where `wanted`, (rows of the split,), is True."""

    def where(self, split: SourceSplit, row: int) -> str:
        """Return where a row lies, for people: `file:row`."""
