"""Manifests: a CSV of file names and labels beside the images.

    train.csv: image_id,label      train_images/0.jpg, train_images/1.jpg, …
               0.jpg,rust

The names may have a folder before them or none, an ending or none; they are looked up beside the CSV, in the
source, and else among all images by the end of their path. Only images that were listed are ever read. A row whose
image is missing counts as a corrupt image; an image that no row names is left out and counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath

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
from featherline.tasks.data.sources.split_names import group_by_split, split_of_file, split_of_folder
from featherline.tasks.modalities.image.csv_columns import (
    LABEL_COLUMNS,
    column_named,
    has_label,
    is_index,
    named_label,
    split_column,
)
from featherline.tasks.modalities.image.preprocessing import IMAGE

MOST_COLUMNS = 50
"""Of a table that are looked at for names of images."""

FEWEST_FOUND = 0.5
"""Of a column's first values: from here on it is taken for the column of images."""


class Images:
    """The images of a place, looked up by what a table calls them."""

    def __init__(self, names: list[str]) -> None:
        """Know these images."""
        self.names = frozenset(names)
        self._by_end: dict[str, list[str]] = defaultdict(list)
        self._by_end_in_any_case: dict[str, list[str]] = defaultdict(list)
        for name in names:
            path = PurePosixPath(name)
            for end in dict.fromkeys((path.name, path.stem)):
                self._by_end[end].append(name)
                self._by_end_in_any_case[end.casefold()].append(name)

    def find(self, text: str, table: str) -> list[str]:
        """Return the images that a cell of a table may mean: one, none, or several that it does not tell apart."""
        cell = text.strip().replace("\\", "/")
        beside = _joined(str(PurePosixPath(table).parent), cell)
        for exact in (beside, _joined("", cell)):
            if exact in self.names:
                return [exact]
        wanted = [part for part in PurePosixPath(cell).parts if part not in {"/", ".", ".."}]
        if not wanted:
            return []
        found = self._by_end.get(wanted[-1]) or self._by_end_in_any_case.get(wanted[-1].casefold(), [])
        if len(found) < 2:  # noqa: PLR2004 - nothing to tell apart
            return found
        for narrower in (_ending_like(found, wanted), _of_split(found, table), _beside(found, table)):
            if len(narrower) == 1:
                return narrower
        return found


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
        self.columns = self._columns_of_all(files)
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

    def _columns_of_all(self, files: list[CsvFile]) -> dict[str, tuple[str, str]]:
        """Return the columns of images and labels of each table; train's label is the label of the other splits too."""
        found: dict[str, tuple[str, str]] = {}
        for file in sorted(files, key=lambda file: split_of_file(file.name) in OTHERS):
            wanted = next((label for _, label in found.values()), None)
            if found and split_of_file(file.name) in OTHERS and not self._has_label(file, wanted):
                continue
            columns = self._columns(file, wanted)
            if columns is not None:
                found[file.name] = columns
        return found

    def _has_label(self, file: CsvFile, wanted: str | None) -> bool:
        """Return whether a table has the column of labels that another one has, or one that is called so."""
        asked = self.params.label_column
        if isinstance(asked, int):
            in_range = -len(file.columns) <= asked < len(file.columns)
            return in_range and file.columns[asked] != self._image_column(file)
        return file.headless or has_label(file.columns, wanted, asked)

    def _leave_out_unlabelled(self, file: CsvFile, files: list[CsvFile]) -> bool:
        """Leave out a table of test or validation that names images and no labels. Return whether it is one."""
        split = split_of_file(file.name)
        if split not in OTHERS or len(files) == 1 or self._image_column(file) is None:
            return False
        self.log.leave_out(f"a table of the split {split}, which has no labels", file.name)
        return True

    def _columns(self, file: CsvFile, wanted: str | None) -> tuple[str, str] | None:
        """Return the columns of images and labels of a table, None of one that names no images."""
        image = self._image_column(file)
        if image is None:
            return None
        label = next((column for column in file.columns if wanted and column.lower() == wanted.lower()), None)
        label = label or named_label(file, self.params.label_column)
        split = split_column(file, self.params.split_column)
        left = [column for column in file.columns if column not in {image, split, label}]
        if label is None or label == image:
            kept = [column for column in left if not is_index(column)]
            label = kept[0] if len(kept) == 1 else None
        if label is not None:
            rest = [column for column in left if column != label]
            if rest:
                self.log.leave_out("a column that is neither image nor label", rest[0], len(rest))
            return image, label
        left = [column for column in left if not is_index(column)] or left
        if _is_one_hot(file, left):
            raise refuse(
                f"preprocess does not read labels of one column a class, as in {file.name}",
                expected="one column that holds the class of each image",
                got=f"0 and 1 in the columns {examples(left)}",
                fix="write one column with the name of the class that is 1, and set data.label_column to it",
            )
        raise refuse(
            f"preprocess cannot tell the column of labels in {file.name}",
            expected=f"a column called {', '.join(LABEL_COLUMNS[:3])}, or only one beside the image's name",
            got=f"the columns {examples(file.columns)}",
            fix=f"set data.label_column to {' or '.join(left[:5])}" if left else "add a column of labels",
        )

    def _image_column(self, file: CsvFile) -> str | None:
        asked = self.params.image_column
        if asked:
            return column_named(file.name, file.columns, asked, "image_column")
        looked_at = enumerate(file.columns[:MOST_COLUMNS])
        shares = {column: share_found(file, number, self.lookup) for number, column in looked_at}
        best = max(shares.values(), default=0.0)
        if best < FEWEST_FOUND:
            return None
        label = self.params.label_column
        there = not isinstance(label, str) or has_label(file.columns, label, label)
        named = named_label(file, label) if there else None
        fits = [column for column, share in shares.items() if share == best and column != named]
        return min(fits, key=lambda column: _unlike_a_file_name(file, column), default=None)

    def _check_some(self, files: list[CsvFile], kept: list[CsvFile]) -> None:
        """Refuse where no table names images, or one that tells a split does not."""
        without = [file for file in files if file not in kept]
        for file in without:
            if kept and split_of_file(file.name) is None:
                self.log.leave_out("a table that names no images", file.name)
        lacking = without if not kept else [file for file in without if split_of_file(file.name) is not None]
        if lacking:
            raise no_images(self.place.uri, lacking[0])


def share_found(file: CsvFile, number: int, lookup: Images) -> float:
    """Return the part of a column's first values that name an image."""
    cells = [row[number] for row in file.head if len(row) > number]
    return sum(bool(lookup.find(cell, file.name)) for cell in cells) / len(cells) if cells else 0.0


def _unlike_a_file_name(file: CsvFile, column: str) -> tuple[bool, bool, bool, int]:
    """Return what orders columns that all name images: a row number or a class may be the name of an image as well."""
    number = file.columns.index(column)
    cells = [row[number] for row in file.head if len(row) > number]
    kinds = len(set(cells))
    return not any("." in cell for cell in cells), kinds < len(cells) / 2, is_index(column), -kinds


def _is_one_hot(file: CsvFile, columns: list[str]) -> bool:
    """Return whether these columns are 0 but for one that is 1, in each row."""
    places = [file.columns.index(column) for column in columns]
    rows = [[row[place].strip() for place in places] for row in file.head if len(row) == len(file.columns)]
    known = {"0": 0, "0.0": 0, "1": 1, "1.0": 1}
    return bool(rows) and all(set(row) <= known.keys() and sum(known[cell] for cell in row) == 1 for row in rows)


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
        if any(share_found(file, number, lookup) >= FEWEST_FOUND for number in range(len(file.columns[:MOST_COLUMNS]))):
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


def _joined(folder: str, name: str) -> str:
    parts: list[str] = []
    for part in (*PurePosixPath(folder).parts, *PurePosixPath(name).parts):
        if part == "..":
            parts = parts[:-1]
        elif part != "/":
            parts.append(part)
    return "/".join(parts)


def _ending_like(found: list[str], wanted: list[str]) -> list[str]:
    """Return those whose path ends like the longest part of the wanted one that any of them ends with."""
    tails = [list(PurePosixPath(name).with_suffix("").parts) for name in found]
    stem = [*wanted[:-1], PurePosixPath(wanted[-1]).stem]
    for length in range(len(stem), 1, -1):
        alike = [name for name, tail in zip(found, tails, strict=True) if tail[-length:] == stem[-length:]]
        if alike:
            return alike
    return []


def _of_split(found: list[str], table: str) -> list[str]:
    split = split_of_file(table)
    return [name for name in found if any(split_of_folder(part) == split for part in PurePosixPath(name).parts[:-1])]


def _beside(found: list[str], table: str) -> list[str]:
    folder = PurePosixPath(table).parent
    return [name for name in found if PurePosixPath(name).is_relative_to(folder)]
