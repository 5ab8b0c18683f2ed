"""Which columns of a table name images, and which have their labels."""

from __future__ import annotations

from dataclasses import dataclass

from featherline.tasks.contracts.refusal import examples, refuse
from featherline.tasks.contracts.steps.preprocess import PreprocessParams
from featherline.tasks.data.sources.csv_files import CsvFile
from featherline.tasks.data.sources.intake import IntakeLog
from featherline.tasks.data.sources.labels import OTHERS
from featherline.tasks.data.sources.split_names import split_of_file
from featherline.tasks.modalities.image.csv_columns import (
    LABEL_COLUMNS,
    column_named,
    has_label,
    is_index,
    named_label,
    split_column,
)
from featherline.tasks.modalities.image.image_names import Images

MOST_COLUMNS = 50
"""Of a table that are looked at for names of images."""

FEWEST_FOUND = 0.5
"""Of a column's first values: from here on it is taken for the column of images."""


@dataclass(frozen=True)
class ManifestColumns:
    """Tells the columns of tables apart.

    Attributes:
        params: What the recipe says of them.
        lookup: The images of the source.
        log: Where columns are counted that are neither.
    """

    params: PreprocessParams
    lookup: Images
    log: IntakeLog

    def of_all(self, files: list[CsvFile]) -> dict[str, tuple[str, str]]:
        """Return the columns of images and labels of each table; train's label is the label of the other splits too."""
        found: dict[str, tuple[str, str]] = {}
        for file in sorted(files, key=lambda file: split_of_file(file.name) in OTHERS):
            wanted = next((label for _, label in found.values()), None)
            if found and split_of_file(file.name) in OTHERS and not self._has_label(file, wanted):
                continue
            columns = self._of(file, wanted)
            if columns is not None:
                found[file.name] = columns
        return found

    def _has_label(self, file: CsvFile, wanted: str | None) -> bool:
        """Return whether a table has the column of labels that another one has, or one that is called so."""
        asked = self.params.label_column
        if isinstance(asked, int):
            in_range = -len(file.columns) <= asked < len(file.columns)
            return in_range and file.columns[asked] != self.image_of(file)
        return file.headless or has_label(file.columns, wanted, asked)

    def _of(self, file: CsvFile, wanted: str | None) -> tuple[str, str] | None:
        """Return the columns of images and labels of a table, None of one that names no images."""
        image = self.image_of(file)
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

    def image_of(self, file: CsvFile) -> str | None:
        """Return the column whose first values name images; None where there is none."""
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


def has_image_names(file: CsvFile, lookup: Images) -> bool:
    """Return whether some column names images."""
    places = range(len(file.columns[:MOST_COLUMNS]))
    return any(share_found(file, place, lookup) >= FEWEST_FOUND for place in places)
