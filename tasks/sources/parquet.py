"""Parquet: a column `image` (or `img`) of encoded files, plain or as struct<bytes, path>, and a column `label`.

    train-*.parquet, test-*.parquet, validation-*.parquet, classes.txt

Files are read page by page, however large their row groups are. A page is the least that can be read, and is in memory
about twice; writers put up to 1,024 rows into one, so photos of 1 MB want row groups of 100 rows. A row that has a path
in place of bytes is looked up beside its file, and never outside of the source.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tasks.contracts.refusal import examples, refuse
from tasks.contracts.safe_text import visible
from tasks.sources.files import FileRows
from tasks.sources.place import Place
from tasks.sources.source import Image, Label, SourceSplit
from tasks.sources.split_names import group_by_split

IMAGE_COLUMNS = ("image", "img")
LABEL_COLUMN = "label"
LABELS_AT_A_TIME = 65_536
BATCH_BYTES = 16 * 2**20
"""Of encoded images at a time, at least one image and at most 256."""
PAGE_ROWS = 1024
"""What a writer puts into a page at most, unless it is told otherwise."""
LARGE_PAGE_BYTES = 256 * 2**20
"""From here on a page is worth a word in the log."""
BUFFER_BYTES = 2**20
"""Of each column's reader: with it a row group is streamed and never in memory as a whole."""


class ParquetSource:
    """Parquet files in a place."""

    def __init__(self, place: Place, names: list[str], class_names: tuple[str, ...] | None) -> None:
        """Use these files; class names that are absent may lie in the files' own metadata."""
        self.scale = 255.0
        self.class_names = class_names
        self.place = place
        self.rows = FileRows(group_by_split(place.uri, names))
        self.splits = tuple(self.rows.files)

    def labels(self, split: SourceSplit) -> Iterator[list[Label]]:
        """Yield the labels. Raises `Refused` where a file cannot be read or lacks a column."""
        counts: list[int] = []
        for name in self.rows.files[split]:
            with self._opened(name) as file:
                counts.append(file.metadata.num_rows)
                self.rows.learn(split, counts)
                self.class_names = self.class_names or _names_in(file.schema_arrow)
                for batch in file.iter_batches(LABELS_AT_A_TIME, columns=[LABEL_COLUMN], use_threads=False):
                    column: list[Label] = batch.column(0).to_pylist()
                    yield [int(label) if isinstance(label, bool) else label for label in column]

    def images(self, split: SourceSplit, wanted: NDArray[np.bool_]) -> Iterator[tuple[int, Image]]:
        """Yield the wanted images as they are encoded; a path that leads to no file gives no bytes."""
        start = 0
        for name in self.rows.files[split]:
            with self._opened(name) as file:
                column = _image_column(file.schema_arrow)
                assert column is not None  # noqa: S101 - `_opened` looked
                for batch in file.iter_batches(_batch_rows(name, file), columns=[column], use_threads=False):
                    mask = wanted[start : start + batch.num_rows]
                    kept = batch.column(0).filter(pa.array(mask))
                    for row, value in zip(np.flatnonzero(mask), kept, strict=True):
                        yield start + int(row), self._encoded(value.as_py(), name)
                    start += batch.num_rows

    def where(self, split: SourceSplit, row: int) -> str:
        """Return `file:row`."""
        return self.rows.where(split, row)

    @contextmanager
    def _opened(self, name: str) -> Iterator[pq.ParquetFile]:
        """Open a file whose columns are as they should be; anything that Arrow cannot read is refused."""
        with self.place.local(name) as path:
            try:
                with pq.ParquetFile(path, buffer_size=BUFFER_BYTES, pre_buffer=False) as file:
                    _check_columns(name, file.schema_arrow)
                    yield file
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
                raise refuse(
                    f"preprocess cannot read {name}",
                    expected="a whole parquet file",
                    got=str(error).splitlines()[0],
                    fix="write the file anew, or remove it from the source",
                ) from error

    def _encoded(self, value: bytes | dict[str, Any] | None, file: str) -> bytes:
        """Return the encoded image of a cell, from the file that it names where it holds no bytes."""
        if not isinstance(value, dict):
            return value or b""
        if value.get("bytes") or not value.get("path"):
            return value.get("bytes") or b""
        beside = PurePosixPath(file).parent / value["path"]
        try:
            return self.place.read(str(beside))
        except (FileNotFoundError, IsADirectoryError):
            return b""


def _check_columns(name: str, schema: pa.Schema) -> None:
    image = _image_column(schema)
    missing = [*(["image"] if image is None else []), *([LABEL_COLUMN] if LABEL_COLUMN not in schema.names else [])]
    if missing:
        raise refuse(
            f"preprocess misses {' and '.join(missing)} in {name}",
            expected="a column `image` (struct<bytes, path> or binary) and a column `label` (integer or string)",
            got=f"the columns {examples(schema.names)}",
            fix="rename the columns",
        )
    kind = schema.field(image).type
    if pa.types.is_struct(kind):
        kind = kind.field("bytes").type if kind.get_field_index("bytes") >= 0 else kind
    if not (pa.types.is_binary(kind) or pa.types.is_large_binary(kind)):
        raise refuse(
            f"preprocess cannot take the column {image} of {name} for images",
            expected="binary, or struct<bytes: binary, path: string>, of encoded images",
            got=str(schema.field(image).type),
            fix="encode the images, for instance as PNG",
        )
    label = schema.field(LABEL_COLUMN).type
    label = label.value_type if pa.types.is_dictionary(label) else label
    takes = (pa.types.is_integer, pa.types.is_boolean, pa.types.is_string, pa.types.is_large_string)
    if not any(check(label) for check in takes):
        raise refuse(
            f"preprocess cannot take the column label of {name} for classes",
            expected="integers or strings",
            got=str(label),
            fix="cast the column, or name the one that holds the classes `label`",
        )


def _batch_rows(name: str, file: pq.ParquetFile) -> int:
    """Return how many rows to take at a time, and tell where a page may be large."""
    groups = [file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)]
    row_bytes = max((group.total_byte_size // max(1, group.num_rows) for group in groups), default=0)
    page_bytes = max((min(group.num_rows, PAGE_ROWS) for group in groups), default=0) * row_bytes
    if page_bytes > LARGE_PAGE_BYTES:
        print(
            f"preprocess: {visible(name)} may have pages of {page_bytes / 2**20:.0f} MiB; "
            "smaller row groups need less memory"
        )
    return min(256, max(1, BATCH_BYTES // max(1, row_bytes)))


def _image_column(schema: pa.Schema) -> str | None:
    return next((name for name in IMAGE_COLUMNS if name in schema.names), None)


def _names_in(schema: pa.Schema) -> tuple[str, ...] | None:
    """Return the class names that the `datasets` library wrote into a file's metadata, if any."""
    text = (schema.metadata or {}).get(b"huggingface")
    if text is None:
        return None
    feature = json.loads(text).get("info", {}).get("features", {}).get(LABEL_COLUMN, {})
    names = feature.get("names") if isinstance(feature, dict) else None
    return tuple(str(name) for name in names) if isinstance(names, list) and names else None
