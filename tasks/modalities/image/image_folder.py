"""Image folders: the folder is the class. Which folder is what: `featherline.tasks.modalities.image.folder_layout`.

Every file in a class folder should be an image. One whose ending Pillow knows, or that has none, is read; any other is
counted by its ending and held against `data.max_corrupt_fraction`, as is what is no file at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.refusal import Problem, Refused, examples
from featherline.tasks.data.sources.intake import IntakeLog
from featherline.tasks.data.sources.place import Place
from featherline.tasks.data.sources.source import Label, RawExample, SourceSplit, read_example
from featherline.tasks.modalities.image.decode import SUFFIXES
from featherline.tasks.modalities.image.folder_layout import Layout, layout_of
from featherline.tasks.modalities.image.preprocessing import IMAGE

LITTER = {"thumbs.db", "desktop.ini", "ehthumbs.db", "icon\r"}
"""What desktops leave in folders."""


class ImageFolderSource:
    """Folders of images in a place; deeper folders belong to their class."""

    def __init__(
        self,
        place: Place,
        names: list[str],
        vocabulary: tuple[str, ...] | None,
        log: IntakeLog,
        *,
        classes: tuple[str, ...] | None = None,
    ) -> None:
        """Use all files of a place.

        Args:
            place: Where they lie.
            names: All of them.
            vocabulary: That the source gives.
            log: Is told what is left out.
            classes: Names that the recipe gives.

        Raises:
            Refused: An image lies in no class's folder, or a class folder holds none.
        """
        self.scales: Mapping[str, float] = {IMAGE: 255.0}
        self.place = place
        self.log = log
        images = [name for name in names if is_image(name)] or names
        self.layout = layout_of(place.uri, images, classes or vocabulary)
        self.files: dict[SourceSplit, list[str]] = {split: [] for split in self.layout.roots}
        for name in names:
            self._sort(name)
        for name, kind in place.unusable.items():
            if self.layout.place_of(name):
                log.not_read(kind, name)
            else:
                log.leave_out(kind, name)
        self._labels = {
            split: [self._class_of(self.layout, name) for name in files] for split, files in self.files.items()
        }
        self._check_class_folders()
        self.splits = tuple(split for split in self.files if self.files[split])
        found = {label for labels in self._labels.values() for label in labels}
        self.vocabulary: tuple[str, ...] | None = vocabulary or _sorted_names(found)

    def labels(self, split: SourceSplit) -> Iterator[list[Label]]:
        """Yield the class folder's name of every image."""
        yield list(self._labels[split])

    def examples(self, split: SourceSplit, wanted: NDArray[np.bool_]) -> Iterator[tuple[int, dict[str, RawExample]]]:
        """Yield the wanted files."""
        for row in np.flatnonzero(wanted):
            yield int(row), {IMAGE: read_example(self.place, self.files[split][row])}

    def where(self, split: SourceSplit, row: int) -> str:
        """Return the file."""
        return self.files[split][row]

    def _sort(self, name: str) -> None:
        """Take a file for an image, or say why not."""
        place = self.layout.place_of(name)
        if place is not None and (is_image(name) or not PurePosixPath(name).suffix):
            self.files[place[0]].append(name)
        elif PurePosixPath(name).name.lower() in LITTER:
            self.log.leave_out("a file that a desktop left", name)
        elif place is not None:
            self.log.not_read(f"a file of {_ending(name)} in a class folder", name)
        else:
            within = next((folder for folder in self.layout.beside if name.startswith(f"{folder}/")), None)
            alone = next((folder for folder in self.layout.unlabelled if name.startswith(f"{folder}/")), None)
            if within is not None:
                self.log.leave_out(f"a file of {within}, which lies beside the splits", name)
            elif alone is not None:
                self.log.leave_out(f"a file of {alone}, a split without class folders", name)
            else:
                self.log.leave_out(f"a file of {_ending(name)} outside of the class folders", name)

    @staticmethod
    def _class_of(layout: Layout, name: str) -> str:
        place = layout.place_of(name)
        assert place is not None  # noqa: S101 - `_sort` looked
        return place[1]

    def _check_class_folders(self) -> None:
        """Refuse a class folder without an image: it is a class that would vanish."""
        filled = {"/".join(PurePosixPath(name).parts) for files in self.files.values() for name in files}
        parents = {str(parent) for name in filled for parent in PurePosixPath(name).parents}
        folders = self.place.folders()
        for name in folders:
            if is_image(name) and name not in parents and self.layout.place_of(name):
                self.log.not_read("a folder with the ending of an image", name)
        empty = [name for name in self.layout.class_folders(folders) if name not in parents]
        if not empty:
            return
        unread = [f"{reason}, {tally.count} times" for reason, tally in self.log.unread.items()]
        raise Refused(
            Problem(
                "preprocess meets a class folder without an image",
                f"an image of an ending that is read, such as {', '.join(sorted(SUFFIXES)[:8])}, in each class folder",
                examples(empty) + (f"; not read: {examples(unread)}" if unread else ""),
                "put images into the folder, convert those that are there, or remove it",
            )
        )


def is_image(name: str) -> bool:
    """Return whether a file is an image by its ending: one that Pillow knows."""
    return PurePosixPath(name).suffix.lower() in SUFFIXES


def _ending(name: str) -> str:
    suffix = PurePosixPath(name).suffix
    return suffix.lower() if suffix else "no ending"


def _sorted_names(names: set[str]) -> tuple[str, ...]:
    """Sort class names, those that are all numbers by their value."""
    if names and all(name.isdecimal() and name.isascii() for name in names):
        return tuple(sorted(names, key=lambda name: (int(name), name)))
    return tuple(sorted(names))
