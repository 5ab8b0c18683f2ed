"""CSV of pixels: a column of labels and a column a pixel, 0 to 255, row by row, colours of a pixel side by side.

    label,pixel0,pixel1,…,pixel783        MNIST as it is often passed on; without a header the label comes first

A square number of pixels is a grey image. Any other number needs data.image_size and data.channels.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

from tasks.contracts.dataset import ImageShape
from tasks.contracts.refusal import examples, refuse
from tasks.sources.files import FileRows
from tasks.sources.place import Place
from tasks.sources.source import Image, Label, SourceSplit
from tasks.sources.split_names import group_by_split

LABEL_COLUMNS = ("label", "class", "target")
BLOCK_BYTES = 4 * 2**20
"""Of a file in memory at a time."""


class PixelCsvSource:
    """CSV files in a place, `.csv` or `.csv.gz`."""

    def __init__(
        self, place: Place, names: list[str], class_names: tuple[str, ...] | None, *, known: tuple[int, ...] = ()
    ) -> None:
        """Use these files; `known` is (height, width, channels) where the recipe says it."""
        self.scale = 255.0
        self.class_names = class_names
        self.place = place
        self.known = known
        self.rows = FileRows(group_by_split(place.uri, names))
        self.splits = tuple(self.rows.files)

    def labels(self, split: SourceSplit) -> Iterator[list[Label]]:
        """Yield the labels, as integers where they are written so. Raises `Refused` as `images` does."""
        counts: list[int] = []
        for name in self.rows.files[split]:
            counts.append(0)
            with self.place.local(name) as path:
                columns, label = _columns(name, path)
                image_shape(name, len(columns) - 1, self.known)
                for batch in _batches(name, path, columns, label, [label]):
                    counts[-1] += batch.num_rows
                    self.rows.learn(split, counts)
                    yield [_label(text) for text in batch.column(0).to_pylist()]

    def images(self, split: SourceSplit, wanted: NDArray[np.bool_]) -> Iterator[tuple[int, Image]]:
        """Yield the wanted images. Raises `Refused` where a pixel is no number from 0 to 255 or a row is too short."""
        start = 0
        for name in self.rows.files[split]:
            with self.place.local(name) as path:
                columns, label = _columns(name, path)
                pixels = [column for column in columns if column != label]
                shape = image_shape(name, len(pixels), self.known)
                for batch in _batches(name, path, columns, label, pixels):
                    table = np.column_stack([column.to_numpy() for column in batch.columns])
                    for row in np.flatnonzero(wanted[start : start + batch.num_rows]):
                        yield start + int(row), table[row].reshape(shape)
                    start += batch.num_rows

    def where(self, split: SourceSplit, row: int) -> str:
        """Return `file:row`."""
        return self.rows.where(split, row)


def image_shape(name: str, pixels: int, known: tuple[int, ...]) -> ImageShape:
    """Return (height, width, channels) of an image of so many numbers.

    Args:
        name: The file, for the message.
        pixels: Columns.
        known: The shape that the recipe gives, or (); it counts where it multiplies to `pixels`.

    Raises:
        Refused: Neither is it the known shape nor a square.
    """
    if len(known) == 3 and math.prod(known) == pixels:  # noqa: PLR2004 - height, width, channels
        return known[0], known[1], known[2]
    side = math.isqrt(pixels)
    if pixels and side * side == pixels:
        return side, side, 1
    raise refuse(
        f"preprocess cannot tell the shape of the images in {name}",
        expected="a square number of pixel columns, or data.image_size and data.channels that multiply to it",
        got=f"{pixels} pixel columns",
        fix="remove columns that are neither label nor pixel, or give data.image_size and data.channels",
    )


def _first_row(name: str, path: Path) -> list[str]:
    """Return the cells of a file's first row, without a byte order mark."""
    try:
        with gzip.open(path) if name.endswith(".gz") else path.open("rb") as file:
            return next(csv.reader(io.TextIOWrapper(file, "utf-8-sig", newline="")), [])
    except (UnicodeDecodeError, OSError, EOFError, zlib.error, csv.Error) as error:
        raise _unreadable(name, str(error)) from error


def _columns(name: str, path: Path) -> tuple[list[str], str]:
    """Return the columns of a file and which of them is the label."""
    first = _first_row(name, path)
    if first and all(_is_number(cell) for cell in first):
        return ["label", *(f"pixel{number}" for number in range(len(first) - 1))], "label"
    label = next((column for column in first if column.strip().lower() in LABEL_COLUMNS), None)
    if label is None or len(set(first)) != len(first):
        raise refuse(
            f"preprocess misses a column of labels in {name}",
            expected=f"a header with one of {', '.join(LABEL_COLUMNS)} and a column a pixel, none of them twice",
            got=examples(first) or "an empty file",
            fix="name the column of classes `label`",
        )
    return first, label


def _batches(name: str, path: Path, columns: list[str], label: str, wanted: list[str]) -> Iterator[pa.RecordBatch]:
    """Yield rows as they are parsed: the label as text, pixels as uint8."""
    types = {column: pa.string() if column == label else pa.uint8() for column in columns}
    headless = all(_is_number(cell) for cell in _first_row(name, path))
    try:
        with pyarrow.csv.open_csv(
            path if not name.endswith(".gz") else pa.CompressedInputStream(pa.OSFile(str(path)), "gzip"),
            read_options=pyarrow.csv.ReadOptions(
                use_threads=False, block_size=BLOCK_BYTES, column_names=columns, skip_rows=0 if headless else 1
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=types, include_columns=wanted, null_values=[], strings_can_be_null=False
            ),
        ) as reader:
            yield from reader
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise _unreadable(name, str(error)) from error


def _unreadable(name: str, error: str) -> Exception:
    return refuse(
        f"preprocess cannot read {name}",
        expected="in every row a label and as many whole numbers from 0 to 255 as there are pixel columns",
        got=error.splitlines()[0] if error else "nothing",
        fix="correct the row, or write the file anew",
    )


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _label(text: str) -> Label:
    stripped = text.strip()
    digits = stripped.removeprefix("-")
    return int(stripped) if digits.isdecimal() and digits.isascii() else stripped or None
