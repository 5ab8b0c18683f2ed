"""Manifests: a CSV of file names and labels beside the images.

    train.csv: image_id,label      train_images/0.jpg, train_images/1.jpg, …
               0.jpg,rust

The names may have a folder before them or none, an ending or none; they are looked up beside the CSV, in the
source, and else among all images by the end of their path. Only images that were listed are ever read. A row whose
image is missing counts as a corrupt image; an image that no row names is left out and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from featherline.tasks.contracts.refusal import OutOfReach, Refused, examples, refuse
from featherline.tasks.contracts.steps.preprocess import PreprocessParams
from featherline.tasks.data.sources.csv_files import CsvFile, read_head, without_header
from featherline.tasks.data.sources.csv_rows import CsvRows, changed
from featherline.tasks.data.sources.intake import IntakeLog
from featherline.tasks.data.sources.labels import OTHERS, label_of
from featherline.tasks.data.sources.place import Place, opened
from featherline.tasks.data.sources.source import Label, RawExample, SourceSplit, Unread, read_example
from featherline.tasks.data.sources.split_names import group_by_split, split_of_file
from featherline.tasks.modalities.image.csv_columns import split_column
from featherline.tasks.modalities.image.image_names import Images
from featherline.tasks.modalities.image.manifest_columns import MOST_COLUMNS, ManifestColumns, has_image_names
from featherline.tasks.modalities.image.preprocessing import IMAGE


class ManifestSource:
    """Tables of image names and labels, and the images, in a place."""

    def __init__(
        self,
        place: Place,
        tables: list[str],
        images: list[str],
        *,
        vocabulary: tuple[str, ...] | None,
        log: IntakeLog,
        params: PreprocessParams,
    ) -> None:
        """Use these. Raises `Refused` where no table tells the images and their labels."""
        self.scales: Mapping[str, float] = {IMAGE: 255.0}
        self.vocabulary = vocabulary
        self.place = place
        self.log = log
        self.params = params
        self.lookup = Images(images)
        files = _tables_of_splits([_head(place, name, self.lookup) for name in tables], log)
        self._tell_apart = ManifestColumns(params, self.lookup, log)
        self.columns = self._tell_apart.of_all(files)
        files = [file for file in files if file.name in self.columns or not self._leave_out_unlabelled(file, files)]
        kept = [file for file in files if file.name in self.columns]
        self._check_some(files, kept)
        by_name = {file.name: file for file in kept}
        split_columns = {file.name: split for file in kept if (split := split_column(file, params.split_column))}
        if split_columns and len(split_columns) == len(kept):
            grouped: dict[SourceSplit, list[str]] = {"all": list(by_name)}
            log.columns["split"] = next(iter(split_columns.values()))
        else:
            grouped, split_columns = group_by_split(place.uri, by_name, _split_of_table(list(by_name))), {}
        rows = {split: [by_name[name] for name in every] for split, every in grouped.items()}
        self.rows = CsvRows(place, rows, split_columns, log)
        self.splits = self.rows.splits()
        image, label = next(iter(self.columns.values()))
        log.columns |= {"image": image, "label": label}
        self._files: dict[SourceSplit, list[str]] = {}
        self._labels: dict[str, tuple[Label, str]] = {}

    def labels(self, split: SourceSplit) -> Iterator[list[Label]]:
        """Yield the labels, an image once. Raises `Refused` where a name is ambiguous or has two labels."""
        files = self._files[split] = []
        for file, batch in self.rows.batches(split, self._wanted()):
            image, label = self.columns[file.name]
            names, labels = batch.column(image).to_pylist(), batch.column(label).to_pylist()
            for name, text in zip(names, labels, strict=True):
                self._remember(self._found(name, file.name), label_of(text), file.name)
                files.append(self._found(name, file.name))
            yield [label_of(text) for text in labels]
        if split == self.splits[-1]:
            self._tell_unnamed()

    def examples(self, split: SourceSplit, wanted: NDArray[np.bool_]) -> Iterator[tuple[int, dict[str, RawExample]]]:
        """Yield the wanted images; one that is missing has no file."""
        files = self._files[split]
        if len(files) != len(wanted):
            raise changed(self.place.uri)
        for row in np.flatnonzero(wanted):
            name = files[row]
            image = read_example(self.place, name) if name in self.lookup.names else Unread(f"no file for {name!r}")
            yield int(row), {IMAGE: image}

    def where(self, split: SourceSplit, row: int) -> str:
        """Return `table:row`."""
        return self.rows.where(split, row)

    def _wanted(self) -> dict[str, dict[str, pa.DataType]]:
        return {name: dict.fromkeys(columns, pa.string()) for name, columns in self.columns.items()}

    def _found(self, cell: str, table: str) -> str:
        """Return the image that a cell names, or the cell itself where there is none."""
        found = self.lookup.find(cell, table)
        if len(found) > 1:
            raise refuse(
                f"preprocess cannot tell the image of every row of {table}",
                expected="names that one image alone has",
                got=f"{cell!r}, which may be {examples(found)}",
                fix="write the images' folders into the table, or rename them",
            )
        return found[0] if found else cell[:200]

    def _remember(self, name: str, label: Label, table: str) -> None:
        before = self._labels.setdefault(name, (label, table))
        if before[0] != label:
            raise refuse(
                "preprocess meets an image with two labels",
                expected="one label an image",
                got=f"{name}: {before[0]!r} in {before[1]}, {label!r} in {table}",
                fix="correct one of the rows, or remove both",
            )

    def _tell_unnamed(self) -> None:
        unnamed = sorted(self.lookup.names - self._labels.keys())
        for name in unnamed:
            self.log.leave_out("an image that no row of the tables names", name)

    def _leave_out_unlabelled(self, file: CsvFile, files: list[CsvFile]) -> bool:
        """Leave out a table of test or validation that names images and no labels. Return whether it is one."""
        split = split_of_file(file.name)
        if split not in OTHERS or len(files) == 1 or self._tell_apart.image_of(file) is None:
            return False
        self.log.leave_out(f"a table of the split {split}, which has no labels", file.name)
        return True

    def _check_some(self, files: list[CsvFile], kept: list[CsvFile]) -> None:
        """Refuse where no table names images, or one that tells a split does not."""
        without = [file for file in files if file not in kept]
        for file in without:
            if kept and split_of_file(file.name) is None:
                self.log.leave_out("a table that names no images", file.name)
        lacking = without if not kept else [file for file in without if split_of_file(file.name) is not None]
        if lacking:
            raise no_images(self.place.uri, lacking[0])


def names_images(place: Place, tables: list[str], images: list[str]) -> bool:
    """Return whether some table is a manifest of the images."""
    lookup = Images(images)
    for name in tables:
        try:
            file = _head(place, name, lookup)
        except OutOfReach:
            raise
        except Refused:
            continue  # told by whoever reads it
        if has_image_names(file, lookup):
            return True
    return False


def no_images(uri: str, file: CsvFile) -> Refused:
    """Return the refusal of a table none of whose columns names images of the source."""
    return refuse(
        f"preprocess finds no column of image names in {file.name}",
        expected=f"a column whose values name images of {uri} (data.image_column)",
        got=f"the columns {examples(file.columns)}, such as {examples(file.head[0]) if file.head else 'no rows'}",
        fix="put the images into data.source, or set data.image_column",
    )


def _head(place: Place, name: str, lookup: Images) -> CsvFile:
    """Read the head of a table; where a name of a column is one of an image, there is no header."""
    with opened(place, name) as path:
        file = read_head(name, path)
    has_header = file.headless or not any(lookup.find(column, name) for column in file.columns[:MOST_COLUMNS])
    return file if has_header else without_header(file)


def _tables_of_splits(files: list[CsvFile], log: IntakeLog) -> list[CsvFile]:
    """Return the tables that count: beside train.csv those without a split's name, as sample_submission.csv, do not."""
    for file in [file for file in files if "submission" in file.name.lower()]:
        if len(files) > 1:
            log.leave_out("a table for a submission", file.name)
            files = [other for other in files if other is not file]
    named = [file for file in files if split_of_file(file.name)]
    if not any(split_of_file(file.name) == "train" for file in named):
        return files
    for file in files:
        if file not in named:
            log.leave_out("a table that is named as no split, beside one that is", file.name)
    return named


def _split_of_table(names: list[str]) -> Callable[[str], SourceSplit | None]:
    """Return how tables tell their split: train.csv alone is all there is."""
    return split_of_file if len({split_of_file(name) for name in names}) > 1 else lambda _: None
