"""CSV of pixels: a column of labels and a column a pixel, row by row, colours of a pixel side by side.

    label,pixel0,pixel1,…,pixel783        MNIST as it is often passed on; without a header the label is first or last
    emotion,pixels,Usage                  FER-2013: an image in one cell, and the split of each row

A square number of pixels is a grey image. Any other number needs data.image_size and data.channels. Pixels that are not
whole numbers from 0 to 255 are scaled as `featherline.tasks.modalities.image.deep_pixels` says.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from featherline.tasks.contracts.dataset import Shape
from featherline.tasks.contracts.refusal import examples, refuse
from featherline.tasks.contracts.steps.preprocess import PreprocessParams
from featherline.tasks.data.sources.csv_files import CsvFile, NotBytes, read_columns, read_head
from featherline.tasks.data.sources.csv_rows import CsvRows, changed
from featherline.tasks.data.sources.intake import IntakeLog
from featherline.tasks.data.sources.labels import OTHERS, label_of
from featherline.tasks.data.sources.place import Place, opened
from featherline.tasks.data.sources.source import Label, RawExample, SourceSplit, Undecided, Unread
from featherline.tasks.data.sources.split_names import group_by_split, split_of_file
from featherline.tasks.modalities.image.csv_columns import (
    LABEL_COLUMNS,
    PixelColumns,
    has_label,
    label_end,
    pixel_columns,
)
from featherline.tasks.modalities.image.preprocessing import IMAGE


class PixelCsvSource:
    """CSV files in a place."""

    def __init__(
        self,
        place: Place,
        names: list[str],
        vocabulary: tuple[str, ...] | None,
        log: IntakeLog,
        params: PreprocessParams,
    ) -> None:
        """Use these files. Raises `Refused` where their columns do not tell what they hold."""
        self.scales: Mapping[str, float] = {IMAGE: 255.0}
        self.vocabulary = vocabulary
        self.place = place
        self.log = log
        self.known = (*params.image_size, params.channels or 1) if params.image_size else ()
        self.columns: dict[str, PixelColumns] = {}
        self._floats = params.pixel_range is not None
        files = self._chosen([self._head(name) for name in names], params)
        split_columns = {file.name: split for file in files if (split := self.columns[file.name].split)}
        by_name = {file.name: file for file in files}
        if split_columns:
            grouped: dict[SourceSplit, list[str]] = {"all": list(split_columns)}
            for name in by_name.keys() - split_columns.keys():
                log.leave_out("a file without the column that tells splits", name)
        else:
            grouped = group_by_split(place.uri, by_name)
        self.rows = CsvRows(
            place, {split: [by_name[name] for name in every] for split, every in grouped.items()}, split_columns, log
        )
        self._leave_out_unlabelled()
        self.splits = self.rows.splits()
        self._tell_columns()

    def labels(self, split: SourceSplit) -> Iterator[list[Label]]:
        """Yield the labels, as integers where they are written so. Raises `Refused` as `images` does."""
        wanted: dict[str, dict[str, pa.DataType]] = {}
        for file in self.rows.files.get(split, self.rows.files.get("all", [])):
            columns = self.columns[file.name]
            assert columns.label is not None  # noqa: S101 - files without were left out
            if not columns.cell:
                image_shape(file.name, len(columns.pixels), self.known)
            wanted[file.name] = {columns.label: pa.string()}
        for _, batch in self.rows.batches(split, wanted):
            yield [label_of(text) for text in batch.column(0).to_pylist()]

    def examples(self, split: SourceSplit, wanted: NDArray[np.bool_]) -> Iterator[tuple[int, dict[str, RawExample]]]:
        """Yield the wanted images: bytes where all pixels are, else floats to be scaled.

        Raises:
            Undecided: A pixel is no whole number from 0 to 255, so all must be looked at.
            Refused: A row is too short or holds no number.
        """
        start = 0
        try:
            for file, batch in self.rows.batches(split, self._pixel_types(split)):
                mask = wanted[start : start + batch.num_rows]
                if len(mask) != batch.num_rows:
                    raise changed(file.name)
                for row, image in self._images_of(file, batch, mask):
                    yield start + row, {IMAGE: image}
                start += batch.num_rows
        except NotBytes:
            self._floats = True
            raise Undecided from None
        if start != len(wanted):
            raise changed(self.place.uri)

    def where(self, split: SourceSplit, row: int) -> str:
        """Return `file:row`."""
        return self.rows.where(split, row)

    def _pixel_types(self, split: SourceSplit) -> dict[str, dict[str, pa.DataType]]:
        kind = pa.float32() if self._floats else pa.uint8()
        files = self.rows.files.get(split, self.rows.files.get("all", []))
        return {
            file.name: dict.fromkeys(columns.pixels, pa.string() if columns.cell else kind)
            for file in files
            for columns in (self.columns[file.name],)
        }

    def _images_of(
        self, file: CsvFile, batch: pa.RecordBatch, mask: NDArray[np.bool_]
    ) -> Iterator[tuple[int, RawExample]]:
        columns = self.columns[file.name]
        if columns.cell:
            cells = batch.column(0)
            for row in np.flatnonzero(mask):
                yield int(row), self._of_cell(cells[row].as_py())
            return
        shape = image_shape(file.name, len(columns.pixels), self.known)
        table = np.column_stack([batch.column(name).to_numpy() for name in columns.pixels])
        for row in np.flatnonzero(mask):
            yield int(row), table[row].reshape(shape)

    def _of_cell(self, cell: str) -> RawExample:
        """Return the image of a cell such as "70 80 82 72"."""
        try:
            numbers = np.asarray(cell.split(), np.float32)
        except ValueError:
            return Unread("a cell with something else than numbers")
        shape = shape_of(len(numbers), self.known)
        if shape is None:
            return Unread(f"{len(numbers)} numbers, which are no square")
        if self._floats:
            return numbers.reshape(shape)
        whole = numbers.astype(np.uint8) if numbers.min() >= 0 and numbers.max() <= 255 else None  # noqa: PLR2004 - a byte
        if whole is None or not np.array_equal(whole, numbers):
            raise NotBytes
        return whole.reshape(shape)

    def _head(self, name: str) -> CsvFile:
        with opened(self.place, name) as path:
            return read_head(name, path)

    def _chosen(self, files: list[CsvFile], params: PreprocessParams) -> list[CsvFile]:
        """Find each file's columns, and return the files that hold pixels."""
        widest = max(len(file.columns) for file in files)
        of_train: str | None = None
        for file in sorted(files, key=lambda file: split_of_file(file.name) in OTHERS):
            found = self._columns_of(file, params, of_train, beside=len(files) > 1)
            of_train = of_train or (found.label if found else None)
            without = len(files) > 1 and len(file.columns) == widest - 1 and split_of_file(file.name) in OTHERS
            if found is not None and file.headless and without:
                found = PixelColumns(None, file.columns)  # a column less than the others: that of the labels
            elif found is not None and found.label is None and file.headless and params.label_column is None:
                end = self._label_end(file)
                pixels = tuple(column for column in found.pixels if column != end)
                found = PixelColumns(end, pixels, found.split)
            if found is not None:
                self.columns[file.name] = self._in_one_order(file, found)
        chosen = [file for file in files if file.name in self.columns]
        if not any(self.columns[file.name].label for file in chosen):
            raise refuse(
                f"preprocess misses a column of labels in {files[0].name}",
                expected=f"a column {', '.join(LABEL_COLUMNS[:3])} or data.label_column, and a column a pixel",
                got=examples(files[0].columns) or "an empty file",
                fix="set data.label_column to the column of classes",
            )
        by_name = {split_of_file(file.name) for file in chosen}
        for file in files:
            if file not in chosen and (split_of_file(file.name) is None or split_of_file(file.name) in by_name):
                self.log.leave_out("a file without a column a pixel", file.name)
            elif file not in chosen:
                raise refuse(
                    f"preprocess finds no pixels in {file.name}",
                    expected="a column a pixel, as in the other files",
                    got=f"the columns {examples(file.columns)}",
                    fix="remove the file, or write it anew",
                )
        return chosen

    def _in_one_order(self, file: CsvFile, found: PixelColumns) -> PixelColumns:
        """Return the columns of a file in the order of the first file, where both have a header."""
        first = next(iter(self.columns.values()), found)
        if not file.headless and set(first.pixels) == set(found.pixels):
            found = replace(found, pixels=first.pixels)
        kept = set(found.pixels)
        if found.pixels != tuple(column for column in file.columns if column in kept):
            self.log.change("a table whose pixel columns were put in order", file.name)
        return found

    @staticmethod
    def _columns_of(
        file: CsvFile, params: PreprocessParams, of_train: str | None, *, beside: bool
    ) -> PixelColumns | None:
        """Return the parts of a file's columns; of test and validation the label is train's, or there is none."""
        other = beside and not file.headless and split_of_file(file.name) in OTHERS
        if not other or of_train is None or has_label(file.columns, of_train, params.label_column):
            return pixel_columns(file, params)
        found = pixel_columns(file, params.model_copy(update={"label_column": None}))
        return found and replace(found, label=None)

    def _label_end(self, file: CsvFile) -> str:
        first, last = Counter[str](), Counter[str]()
        ends = {file.columns[0]: pa.string(), file.columns[-1]: pa.string()}
        with opened(self.place, file.name) as path:
            for batch in read_columns(file, path, ends):
                first.update(batch.column(0).to_pylist())
                last.update(batch.column(len(ends) - 1).to_pylist())
        return label_end(file, first, last)

    def _leave_out_unlabelled(self) -> None:
        """Leave out a split whose files have no labels, by name; train must have them."""
        for split, files in list(self.rows.files.items()):
            without = [file for file in files if self.columns[file.name].label is None]
            if not without:
                continue
            if len(without) < len(files) or split in {"train", "all"}:
                raise refuse(
                    f"preprocess misses a column of labels in {without[0].name}",
                    expected="the column of labels that the other files have",
                    got=examples(without[0].columns),
                    fix="add the column, or remove the file",
                )
            for file in without:
                self.log.leave_out(f"a file of the split {split}, which has no labels", file.name)
            del self.rows.files[split]

    def _tell_columns(self) -> None:
        columns = next(self.columns[file.name] for files in self.rows.files.values() for file in files)
        self.log.columns["label"] = str(columns.label)
        self.log.columns["image"] = (
            columns.pixels[0] if columns.cell else f"{columns.pixels[0]} to {columns.pixels[-1]}"
        )
        if columns.split:
            self.log.columns["split"] = columns.split
        if columns.rest:
            self.log.leave_out("a column that is neither label nor pixel", columns.rest[0], len(columns.rest))


def image_shape(name: str, pixels: int, known: tuple[int, ...]) -> Shape:
    """Return (height, width, channels) of an image of so many numbers.

    Args:
        name: The file, for the message.
        pixels: Columns.
        known: The shape that the recipe gives, or (); it counts where it multiplies to `pixels`.

    Raises:
        Refused: Neither is it the known shape nor a square.
    """
    found = shape_of(pixels, known)
    if found is not None:
        return found
    raise refuse(
        f"preprocess cannot tell the shape of the images in {name}",
        expected="a square number of pixel columns, or data.image_size and data.channels that multiply to it",
        got=f"{pixels} pixel columns",
        fix="remove columns that are neither label nor pixel, or give data.image_size and data.channels",
    )


def shape_of(pixels: int, known: tuple[int, ...]) -> Shape | None:
    """Return the known shape where it multiplies to `pixels`, else the square that they make, else None."""
    if len(known) == 3 and math.prod(known) == pixels:  # noqa: PLR2004 - height, width, channels
        return known[0], known[1], known[2]
    side = math.isqrt(pixels)
    return (side, side, 1) if pixels and side * side == pixels else None
