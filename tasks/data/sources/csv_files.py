"""CSV files of any size: what their head says, and their columns row by row, in bounded memory.

    a.csv, a.tsv, a.csv.gz ──► [read_head] ──► delimiter, columns ──► [read_columns] ──► batches of a few MiB

UTF-8 with or without a byte order mark; commas, tabs, semicolons or bars, whichever cut the first row into most cells.
A row is at most 4 MiB long, also of a file that was packed: what unpacks to gigabytes is read piece by piece.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, cast

import pyarrow as pa
import pyarrow.csv

from featherline.tasks.contracts.refusal import Refused, examples, refuse
from featherline.tasks.contracts.safe_text import visible

ENDINGS = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
BLOCK_BYTES = 4 * 2**20
"""Of a file in memory at a time, and so of its longest row."""
DELIMITERS = ",\t;|"
HEAD_ROWS = 200
LARGEST_BOMB_BYTES = 256 * 2**20
MOST_GROWTH = 200
"""Numbers shrink to a tenth, rows of zeros to a hundredth; a bomb to a thousandth."""
MOST_COLUMNS = 1_000_000


@dataclass(frozen=True)
class CsvFile:
    """What the head of a file says.

    Attributes:
        name: In its place.
        delimiter: Between cells.
        columns: Names, stripped; `#0`, … where there is no header.
        headless: Whether the first row is data, mostly numbers.
        skip: Lines before the first row of data.
        head: The first rows of data, as text.
    """

    name: str
    delimiter: str
    columns: tuple[str, ...]
    headless: bool
    skip: int
    head: tuple[tuple[str, ...], ...]


def read_head(name: str, path: Path) -> CsvFile:
    """Read the head of a file.

    Raises:
        Refused: It is no text in UTF-8, its first row is longer than `BLOCK_BYTES`, or a column has no name of its own.
    """
    try:
        with _unpacked(name, path) as file:
            data = file.read(BLOCK_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(name, str(error)) from error
    text = _text(name, data)
    if len(data) == BLOCK_BYTES and "\n" not in text and "\r" not in text:
        raise unreadable(name, f"a row of more than {BLOCK_BYTES // 2**20} MiB")
    lines = text.splitlines()
    complete = lines[:-1] if len(data) == BLOCK_BYTES else lines
    start = next((number for number, line in enumerate(lines[:HEAD_ROWS]) if line.strip()), None)
    if start is None:
        raise refuse(
            f"preprocess misses a column of labels in {name}",
            expected="a header, or rows of numbers",
            got="an empty file",
            fix="write the file anew, or remove it",
        )
    delimiter = max(DELIMITERS, key=lambda one: (len(_cells(name, lines[start], one)), -DELIMITERS.index(one)))
    first = _cells(name, lines[start], delimiter)
    headless = _is_data(first)
    columns = tuple(f"#{number}" if headless else cell.strip() for number, cell in enumerate(first))
    _check_names(name, columns)
    begin = start if headless else start + 1
    rows = (line for line in complete[begin : begin + HEAD_ROWS] if line.strip())
    head = tuple(tuple(_cells(name, line, delimiter)) for line in rows)
    return CsvFile(name, delimiter, columns, headless, begin, head)


def read_columns(file: CsvFile, path: Path, wanted: dict[str, pa.DataType]) -> Iterator[pa.RecordBatch]:
    """Yield some columns of a file, as they are parsed.

    Raises:
        Refused: A row has another number of cells or is longer than `BLOCK_BYTES`, or a cell is not of its type.
        NotOfType: A cell that should be a byte is something else.
    """
    types = {column: wanted.get(column, pa.string()) for column in file.columns}
    try:
        with (
            _arrow_stream(file.name, path) as stream,
            pyarrow.csv.open_csv(
                stream,
                read_options=pyarrow.csv.ReadOptions(
                    use_threads=False, block_size=BLOCK_BYTES, column_names=list(file.columns), skip_rows=file.skip
                ),
                parse_options=pyarrow.csv.ParseOptions(delimiter=file.delimiter),
                convert_options=pyarrow.csv.ConvertOptions(
                    column_types=types, include_columns=list(wanted), null_values=[], strings_can_be_null=False
                ),
            ) as reader,
        ):
            yield from reader
    except (pa.ArrowException, OSError, EOFError, zlib.error) as error:
        words = str(error)
        if "conversion error to uint8" in words:
            raise NotBytes from error
        if "straddling object" in words:
            words = f"a row of more than {BLOCK_BYTES // 2**20} MiB, or a quote that is never closed"
        raise unreadable(file.name, words) from error


class NotBytes(Exception):  # noqa: N818 - a state, not a fault
    """A number is no whole one from 0 to 255."""


def unreadable(name: str, error: str) -> Refused:
    """Return the refusal of a file that is no CSV as it should be."""
    return refuse(
        f"preprocess cannot read {name}",
        expected="UTF-8, in every row as many cells as there are columns, and numbers where values are",
        got=visible(error.splitlines()[0], 300) if error else "nothing",
        fix="correct the row, or write the file anew",
    )


def is_number(cell: str) -> bool:
    """Return whether a cell holds a number, as pandas or C would write it."""
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell


class _Unpacking(io.RawIOBase):
    """A packed file as it is unpacked, which ends when it turns out to be a bomb."""

    def __init__(self, name: str, path: Path) -> None:
        """Unpack the file at `path`."""
        super().__init__()
        self._name = name
        self._packed = path.open("rb")
        self._file = gzip.GzipFile(fileobj=self._packed)
        self._count = 0

    def readable(self) -> bool:
        """Return that it is."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return so many bytes. Raises `Refused` where the file grows without end."""
        data = self._file.read(size)
        self._count += len(data)
        if self._count > LARGEST_BOMB_BYTES and self._count > MOST_GROWTH * self._packed.tell():
            raise unreadable(self._name, f"a file that unpacks to more than {MOST_GROWTH} times its size")
        return data

    def close(self) -> None:
        """Close both."""
        self._file.close()
        self._packed.close()
        super().close()


def _unpacked(name: str, path: Path) -> IO[bytes]:
    return cast("IO[bytes]", _Unpacking(name, path)) if name.lower().endswith(".gz") else path.open("rb")


def _arrow_stream(name: str, path: Path) -> pa.NativeFile:
    return pa.PythonFile(_unpacked(name, path), "r") if name.lower().endswith(".gz") else pa.OSFile(str(path))


def _text(name: str, data: bytes) -> str:
    """Return the text of a file's head; a character that the end of the block cuts is left out."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise unreadable(name, "text in UTF-16")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start < BLOCK_BYTES - 4:
            raise unreadable(name, str(error)) from None
        text = data[: error.start].decode("utf-8-sig")
    if "\0" in text:
        raise unreadable(name, f"a NUL character, in line {text[: text.index(chr(0))].count(chr(10)) + 1}")
    return text


def _is_data(first: list[str]) -> bool:
    """Return whether a first row is data: mostly numbers, and not those that count columns from 0 or 1."""
    numbers = [float(cell) for cell in first if is_number(cell)]
    if not numbers or len(numbers) <= len(first) / 2:
        return False
    counted = [numbers[0] + place for place in range(len(numbers))]
    return numbers != counted or numbers[0] not in {0.0, 1.0} or len(numbers) == 1


def without_header(file: CsvFile) -> CsvFile:
    """Return a file whose first row turned out to be data."""
    columns = tuple(f"#{number}" for number in range(len(file.columns)))
    return replace(file, columns=columns, headless=True, skip=file.skip - 1, head=(file.columns, *file.head))


def _cells(name: str, line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error as error:
        raise unreadable(name, str(error)) from error


def _check_names(name: str, columns: tuple[str, ...]) -> None:
    if len(set(columns)) != len(columns):
        seen: set[str] = set()
        twice = [column for column in columns if column in seen or seen.add(column)]  # type: ignore[func-returns-value] # adds
        raise refuse(
            f"preprocess misses a column of labels in {name}",
            expected="a header in which no column is twice",
            got=examples(f"{column!r} twice" for column in dict.fromkeys(twice)),
            fix="rename the columns",
        )
    if len(columns) > MOST_COLUMNS:
        raise unreadable(name, f"{len(columns):,} columns")
