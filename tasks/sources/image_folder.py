"""Image folders: the folder is the class.

cat/1.png, dog/2.jpg                        one set, split here
train/cat/1.png, test/dog/2.jpg, val/…      with splits of its own
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from tasks.contracts.refusal import examples, refuse
from tasks.sources.place import Place
from tasks.sources.source import Image, Label, SourceSplit
from tasks.sources.split_names import FOLDERS, group_by_split

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm")


class ImageFolderSource:
    """Folders of images in a place; deeper folders belong to their class."""

    def __init__(self, place: Place, names: list[str], class_names: tuple[str, ...] | None) -> None:
        """Use these files. Raises `Refused` where one lies in no class's folder."""
        self.scale = 255.0
        self.place = place
        parts = [PurePosixPath(name).parts for name in names]
        with_splits = {part[0].lower() for part in parts} <= set(FOLDERS)
        self._depth = 1 if with_splits else 0
        outside = [name for name, part in zip(names, parts, strict=True) if len(part) < self._depth + 2]
        if outside:
            raise refuse(
                f"preprocess cannot tell the class of every image of {place.uri}",
                expected="class/image.png, or train/class/image.png" if not with_splits else "train/class/image.png",
                got=examples(outside),
                fix="move the images into folders of their classes",
            )
        self.files = group_by_split(place.uri, names, self._split)
        self.splits = tuple(self.files)
        self.class_names: tuple[str, ...] | None = class_names or _sorted_names({part[self._depth] for part in parts})

    def labels(self, split: SourceSplit) -> Iterator[list[Label]]:
        """Yield the class folder's name of every image."""
        yield [PurePosixPath(name).parts[self._depth] for name in self.files[split]]

    def images(self, split: SourceSplit, wanted: NDArray[np.bool_]) -> Iterator[tuple[int, Image]]:
        """Yield the wanted files."""
        for row in np.flatnonzero(wanted):
            yield int(row), self.place.read(self.files[split][row])

    def where(self, split: SourceSplit, row: int) -> str:
        """Return the file."""
        return self.files[split][row]

    def _split(self, name: str) -> SourceSplit | None:
        return FOLDERS[PurePosixPath(name).parts[0].lower()] if self._depth else None


def _sorted_names(names: set[str]) -> tuple[str, ...]:
    """Sort class names, those that are all numbers by their value."""
    if all(name.isdecimal() for name in names):
        return tuple(sorted(names, key=int))
    return tuple(sorted(names))
