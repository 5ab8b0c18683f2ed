"""The rows of CSV files by split: a file is a part of a split by its name, or each row by a column of its own.

Both passes over a source go through the same rows in the same order; a file that changed between them is refused.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from featherline.tasks.contracts.refusal import Refused, refuse
from featherline.tasks.data.sources.csv_files import CsvFile, read_columns
from featherline.tasks.data.sources.intake import IntakeLog
from featherline.tasks.data.sources.place import Place, opened
from featherline.tasks.data.sources.source import SourceSplit
from featherline.tasks.data.sources.split_names import ORDER, split_of_folder

Rows = NDArray[np.int64]


@dataclass
class CsvRows:
    """Rows of files.

    Attributes:
        place: Where the files lie.
        files: By split; under `all` where a column tells the split of each row.
        split_columns: By file, where there is such a column.
        log: Is told the rows that are of no split.
    """

    place: Place
    files: dict[SourceSplit, list[CsvFile]]
    split_columns: dict[str, str]
    log: IntakeLog
    _numbers: dict[SourceSplit, list[tuple[str, Rows | range]]] = field(default_factory=dict)
    _starts: dict[SourceSplit, list[int]] = field(default_factory=dict)

    def splits(self) -> tuple[SourceSplit, ...]:
        """Return the splits that have rows, train first."""
        if not self.split_columns:
            return tuple(self.files)
        found: set[SourceSplit] = set()
        for file in self.files["all"]:
            found |= self._splits_in(file)
        if "train" not in found:
            column = next(iter(self.split_columns.values()))
            raise refuse(
                f"preprocess finds no train split in {self.place.uri}",
                expected=f"rows whose column {column} says train",
                got=", ".join(found) or "none",
                fix="correct the column, or rename it, so that the rows are split by data.test_fraction",
            )
        return tuple(split for split in ORDER if split in found)

    def batches(
        self, split: SourceSplit, wanted: dict[str, dict[str, pa.DataType]]
    ) -> Iterator[tuple[CsvFile, pa.RecordBatch]]:
        """Yield the rows of a split, each batch with its file.

        Args:
            split: Which one.
            wanted: By file, the columns and their types.
        """
        numbers = self._numbers[split] = []
        starts = self._starts[split] = []
        count = 0
        for file in self.files.get(split, self.files.get("all", [])):
            column = self.split_columns.get(file.name)
            columns = wanted[file.name] | ({column: pa.string()} if column else {})
            start = 0
            with opened(self.place, file.name) as path:
                for batch in read_columns(file, path, columns):
                    rows: Rows | range = range(start, start + batch.num_rows)
                    start += batch.num_rows
                    if column:
                        mask = _mask(batch.column(column), split)
                        rows = np.asarray(rows, np.int64)[mask]
                        batch = batch.filter(pa.array(mask))  # noqa: PLW2901 - the part of it
                    numbers.append((file.name, rows))
                    starts.append(count)
                    count += batch.num_rows
                    yield file, batch

    def where(self, split: SourceSplit, row: int) -> str:
        """Return `file:row`, where the row counts from 0 within the file."""
        number = bisect_right(self._starts.get(split, []), row) - 1
        if number < 0:
            return str(split)
        name, rows = self._numbers[split][number]
        place = row - self._starts[split][number]
        return f"{name}:{rows[place]}" if place < len(rows) else name

    def _splits_in(self, file: CsvFile) -> set[SourceSplit]:
        column = self.split_columns[file.name]
        found: set[SourceSplit] = set()
        with opened(self.place, file.name) as path:
            for batch in read_columns(file, path, {column: pa.string()}):
                counted = batch.column(0).value_counts().to_pylist()
                for item in counted:
                    split = split_of_folder(item["values"])
                    if split is None:
                        said = f"a row whose {column} is {item['values']!r}, which is no split"
                        self.log.leave_out(said[:200], file.name, item["counts"])
                    else:
                        found.add(split)
        return found


def _mask(values: pa.Array, split: SourceSplit) -> NDArray[np.bool_]:
    encoded = values.dictionary_encode()
    of_split = np.asarray([split_of_folder(value) == split for value in encoded.dictionary.to_pylist()], np.bool_)
    mask: NDArray[np.bool_] = of_split[encoded.indices.to_numpy()]
    return mask


def changed(name: str) -> Refused:
    """Return the refusal of a file that other rows were read from the second time."""
    return refuse(
        f"preprocess cannot read {name} twice alike",
        expected="files that stay as they are while they are read",
        got="other rows than a moment ago",
        fix="wait until the export that writes them is done, and run again",
    )
