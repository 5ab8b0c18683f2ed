"""Parquet: a column of encoded files, plain or as struct<bytes, path>, and a column of labels.

    train-*.parquet, test-*.parquet, validation-*.parquet, classes.txt

Files are read page by page, however large their row groups are. A page is the least that can be read, and is in memory
about twice; writers put up to 1,024 rows into one, so photos of 1 MB want row groups of 100 rows. A row that has a path
in place of bytes is looked up beside its file, and never outside of the source.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from featherline.tasks.contracts.refusal import examples, refuse
from featherline.tasks.contracts.safe_text import visible
from featherline.tasks.contracts.steps.preprocess import PreprocessParams
from featherline.tasks.data.sources.csv_rows import changed
from featherline.tasks.data.sources.files import FileRows
from featherline.tasks.data.sources.intake import IntakeLog
from featherline.tasks.data.sources.labels import OTHERS, label_of
from featherline.tasks.data.sources.place import Place, opened
from featherline.tasks.data.sources.source import Label, RawExample, SourceSplit, read_example
from featherline.tasks.data.sources.split_names import group_by_split
from featherline.tasks.modalities.image.csv_columns import has_label
from featherline.tasks.modalities.image.parquet_columns import ParquetColumns, no_label, parquet_columns
from featherline.tasks.modalities.image.preprocessing import IMAGE

LABELS_AT_A_TIME = 65_536
BATCH_BYTES = 16 * 2**20
"""Of encoded images at a time, at least one image and at most 256."""
PAGE_ROWS = 1024
"""What a writer puts into a page at most, unless it is told otherwise."""
LARGE_PAGE_BYTES = 256 * 2**20
"""From here on a page is worth a word in the log."""
LARGEST_PAGE_BYTES = 512 * 2**20
"""A page is in memory about twice."""
BUFFER_BYTES = 2**20
"""Of each column's reader: with it a row group is streamed and never in memory as a whole."""


class ParquetSource:
    """Parquet files in a place."""

    def __init__(
        self,
        place: Place,
        names: list[str],
        vocabulary: tuple[str, ...] | None,
        log: IntakeLog,
        params: PreprocessParams,
    ) -> None:
        """Use these files; class names that are absent may lie in the files' own metadata."""
        self.scales: Mapping[str, float] = {IMAGE: 255.0}
        self.vocabulary = vocabulary
        self.place = place
        self.log = log
        self.params = params
        self._label_of_train: str | None = None
        self._names_in_file: tuple[str, tuple[str, ...]] | None = None
        self.rows = FileRows(group_by_split(place.uri, names))
        self.splits = tuple(self.rows.files)

    def labels(self, split: SourceSplit) -> Iterator[list[Label]]:
        """Yield the labels, None where a file has none. Raises `Refused` where a file cannot be read."""
        counts: list[int] = []
        for name in self.rows.files[split]:
            with self._opened(name, split) as (file, columns):
                counts.append(file.metadata.num_rows)
                self.rows.learn(split, counts)
                if columns.label is None:
                    if split in {"train", "all"}:
                        raise no_label(name, file.schema_arrow, columns.image)
                    yield from _nothing(file.metadata.num_rows)
                    continue
                self._label_of_train = self._label_of_train or columns.label
                self.log.columns |= {"label": columns.label, "image": columns.image}
                self._learn_names(name, columns.vocabulary)
                for batch in file.iter_batches(LABELS_AT_A_TIME, columns=[columns.label], use_threads=False):
                    yield _labels_in(batch.column(0))

    def examples(self, split: SourceSplit, wanted: NDArray[np.bool_]) -> Iterator[tuple[int, dict[str, RawExample]]]:
        """Yield the wanted images as they are encoded."""
        start = 0
        for name in self.rows.files[split]:
            with self._opened(name, split) as (file, columns):
                rows = _batch_rows(name, file, columns.image)
                for batch in file.iter_batches(rows, columns=[columns.image], use_threads=False):
                    mask = wanted[start : start + batch.num_rows]
                    if len(mask) != batch.num_rows:
                        raise changed(name)
                    cells = _cells(batch.column(0).filter(pa.array(mask)))
                    for row, cell in zip(np.flatnonzero(mask).tolist(), cells, strict=True):
                        yield start + row, {IMAGE: self._encoded(cell, name)}
                    start += batch.num_rows
        if start != len(wanted):
            raise changed(self.place.uri)

    def where(self, split: SourceSplit, row: int) -> str:
        """Return `file:row`."""
        return self.rows.where(split, row)

    @contextmanager
    def _opened(self, name: str, split: SourceSplit) -> Iterator[tuple[pq.ParquetFile, ParquetColumns]]:
        """Open a file and find its columns; anything that Arrow cannot read is refused."""
        with opened(self.place, name) as path:
            try:
                with pq.ParquetFile(path, buffer_size=BUFFER_BYTES, pre_buffer=False) as file:
                    columns = self._columns(name, split, file.schema_arrow)
                if columns.label and pa.types.is_string(file.schema_arrow.field(columns.label).type):
                    as_dictionary = [columns.label]  # a long text that comes often is in memory once
                else:
                    as_dictionary = None
                with pq.ParquetFile(
                    path, buffer_size=BUFFER_BYTES, pre_buffer=False, read_dictionary=as_dictionary
                ) as file:
                    yield file, columns
            except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
                raise refuse(
                    f"preprocess cannot read {name}",
                    expected="a whole parquet file, not encrypted",
                    got=visible((str(error) or type(error).__name__).splitlines()[0], 300),
                    fix="write the file anew, or remove it from the source",
                ) from error

    def _columns(self, name: str, split: SourceSplit, schema: pa.Schema) -> ParquetColumns:
        """Find the columns of a file; of test and validation the label is train's, or there is none."""
        asked, of_train = self.params.label_column, self._label_of_train
        if split not in OTHERS or of_train is None or has_label(schema.names, of_train, asked):
            return parquet_columns(name, schema, self.params)
        return parquet_columns(name, schema, self.params, with_label=False)

    def _learn_names(self, name: str, names: tuple[str, ...] | None) -> None:
        """Take the class names of a file's metadata; another file must not say otherwise."""
        if names is None:
            return
        if self._names_in_file is None:
            self._names_in_file = (name, names)
            self.vocabulary = self.vocabulary or names
        elif self._names_in_file[1] != names:
            raise refuse(
                f"preprocess meets other class names in {name}",
                expected=f"those of {self._names_in_file[0]}: {examples(self._names_in_file[1])}",
                got=examples(names),
                fix="write all files with the same features",
            )

    def _encoded(self, value: bytes | dict[str, Any] | None, file: str) -> RawExample:
        """Return the encoded image of a cell, from the file that it names where it holds no bytes."""
        if not isinstance(value, dict):
            return value or b""
        if value.get("bytes") or not value.get("path"):
            return value.get("bytes") or b""
        return read_example(self.place, str(PurePosixPath(file).parent / str(value["path"])))


def _cells(column: pa.Array) -> list[Any]:
    """Return the cells of a column of images; a struct's bytes alone where each has them, which takes a third."""
    if isinstance(column, pa.StructArray) and column.type.get_field_index("bytes") >= 0:
        encoded: list[Any] = column.flatten()[column.type.get_field_index("bytes")].to_pylist()
        if all(encoded):
            return encoded
    cells: list[Any] = column.to_pylist()
    return cells


def _labels_in(column: pa.Array) -> list[Label]:
    """Return the labels of a column; each distinct text is looked at once."""
    if isinstance(column, pa.DictionaryArray):
        names = [label_of(value) for value in column.dictionary.to_pylist()]
        return [None if place is None else names[place] for place in column.indices.to_pylist()]
    return [label if type(label) is int else label_of(label) for label in column.to_pylist()]


def _nothing(rows: int) -> Iterator[list[Label]]:
    for start in range(0, rows, LABELS_AT_A_TIME):
        yield [None] * min(LABELS_AT_A_TIME, rows - start)


def _batch_rows(name: str, file: pq.ParquetFile, image: str) -> int:
    """Return how many rows to take at a time.

    Of a column that is packed by a dictionary, one row may be as large as the whole row group: the same picture a
    thousand times is small in the file. Refused is a page that would not fit into memory.
    """
    page_bytes, rows = 0, 256
    for number in range(file.metadata.num_row_groups):
        group = file.metadata.row_group(number)
        chunks = [group.column(place) for place in range(group.num_columns)]
        ours = [chunk for chunk in chunks if chunk.path_in_schema.split(".")[0] == image]
        chunk_bytes = sum(chunk.total_uncompressed_size for chunk in ours)
        row_bytes = chunk_bytes // max(1, group.num_rows)
        page_bytes = max(page_bytes, min(group.num_rows, PAGE_ROWS) * row_bytes)
        with_dictionary = any("DICTIONARY" in encoding for chunk in ours for encoding in chunk.encodings)
        rows = min(rows, max(1, BATCH_BYTES // max(1, chunk_bytes if with_dictionary else row_bytes)))
    if page_bytes > LARGEST_PAGE_BYTES:
        raise refuse(
            f"preprocess cannot read {name} in bounded memory",
            expected=f"pages of at most {LARGEST_PAGE_BYTES // 2**20} MiB of images",
            got=f"{page_bytes / 2**20:,.0f} MiB",
            fix="write the file with smaller row groups, such as 100 rows",
        )
    if page_bytes > LARGE_PAGE_BYTES:
        print(
            f"preprocess: {visible(name)} may have pages of {page_bytes / 2**20:.0f} MiB; "
            "smaller row groups need less memory"
        )
    return rows
