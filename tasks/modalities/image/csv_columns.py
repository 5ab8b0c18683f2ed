"""Which column of a CSV is the label, which tells the split and which hold pixels; where it cannot be told: a refusal.

A column that the recipe names is taken. Else the label is one called so, or the only one that is left over beside a
numbered row of pixels. Without a header it stands first or last, whichever has few distinct whole numbers.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from featherline.tasks.contracts.refusal import did_you_mean, examples, refuse
from featherline.tasks.contracts.steps.preprocess import PreprocessParams
from featherline.tasks.data.sources.csv_files import CsvFile, is_number
from featherline.tasks.data.sources.labels import many_numbers
from featherline.tasks.data.sources.split_names import split_of_folder

LABEL_COLUMNS: tuple[str, ...] = (
    *("label", "class", "target", "labels", "classes", "category", "y", "emotion", "class_id", "classid"),
    *("class_name", "classname", "label_name", "species", "digit", "diagnosis", "breed", "tag"),
)
"""How the column of labels is called, the likelier first."""
SPLIT_COLUMNS = ("usage", "split", "subset", "partition", "set", "dataset", "data_set", "data set", "phase")
CELL_COLUMNS = ("pixels", "pixel", "image")
FEWEST_PIXELS = 4


@dataclass(frozen=True)
class PixelColumns:
    """The parts that columns play.

    Attributes:
        label: None where the file has no labels.
        pixels: A column a pixel, in the file's order; one alone where `cell`.
        split: Says the split of each row.
        cell: Whether the one column holds all pixels, with spaces between.
        rest: Columns that play no part.
    """

    label: str | None
    pixels: tuple[str, ...]
    split: str | None = None
    cell: bool = False
    rest: tuple[str, ...] = ()


def pixel_columns(file: CsvFile, params: PreprocessParams) -> PixelColumns | None:
    """Return the parts of a file's columns, None of a file that holds no pixels.

    Raises:
        Refused: The recipe names a column that is not there, or the columns do not tell.
    """
    label = named_label(file, params.label_column)
    split = split_column(file, params.split_column)
    others = [column for column in file.columns if column not in {label, split}]
    cell = _cell(file, others, params.image_column)
    if cell is not None:
        label = label or _left_over(file, [column for column in others if column != cell])
        rest = tuple(column for column in others if column not in {cell, label})
        return PixelColumns(label, (cell,), split, cell=True, rest=rest)
    if file.headless:
        return PixelColumns(label, tuple(others), split)
    numbered = _numbered(others)
    if numbered:
        left = [column for column in others if column not in set(numbered)]
        named = [column for column in left if not is_index(column)]
        if label is None and len(named) == 1:
            label = named[0]
            left.remove(label)
        return PixelColumns(label, by_number(numbered), split, rest=tuple(left))
    if label is not None and len(others) >= FEWEST_PIXELS and _all_numbers(file, others):
        return PixelColumns(label, by_number(others), split)
    if label is not None and others and not _looks_like_names(file, others):
        return PixelColumns(label, tuple(others), split)
    return None


def named_label(file: CsvFile, asked: str | int | None) -> str | None:
    """Return the label's column by the recipe's name or position, or else by how such columns are called."""
    if isinstance(asked, int):
        if not -len(file.columns) <= asked < len(file.columns):
            raise refuse(
                f"preprocess has no column {asked} in {file.name}",
                expected=f"a position from {-len(file.columns)} to {len(file.columns) - 1} (data.label_column)",
                got=str(asked),
                fix="correct data.label_column",
            )
        return file.columns[asked]
    if asked is not None:
        return column_named(file.name, file.columns, asked, "label_column")
    found = {column.lower(): column for column in reversed(file.columns)}
    return next((found[name] for name in LABEL_COLUMNS if name in found), None)


def has_label(columns: Iterable[str], of_train: str | None, asked: str | int | None) -> bool:
    """Return whether a part of test or validation has train's column of labels, or one called as labels are.

    Any other column of it is no label, even where it is the only one: what is hidden in a competition is left out.
    """
    known = {of_train.strip().lower()} if of_train else set()
    known |= set(LABEL_COLUMNS) if asked is None else set()
    return any(column.strip().lower() in known for column in columns)


def split_column(file: CsvFile, asked: str | None) -> str | None:
    """Return the column that tells splits: the recipe's, or one called so of whose values some are names of splits."""
    if asked is not None:
        return column_named(file.name, file.columns, asked, "split_column")
    for number, column in enumerate(file.columns):
        if column.lower() in SPLIT_COLUMNS:
            values = {row[number].strip() for row in file.head if len(row) > number}
            if any(split_of_folder(value) for value in values):
                return column
    return None


def column_named(name: str, columns: tuple[str, ...] | list[str], asked: str, key: str) -> str:
    """Return a column by its name, in whichever case. Raises `Refused` where there is none."""
    if asked in columns:
        return asked
    alike = [column for column in columns if column.strip().lower() == asked.strip().lower()]
    if len(alike) != 1:
        raise refuse(
            f"preprocess has no column {asked} in {name}",
            expected=f"a column of the file (data.{key})",
            got=f"the columns {examples(columns)}",
            fix=f"correct data.{key}; {did_you_mean(asked, columns[:50])}",
        )
    return alike[0]


def label_end(file: CsvFile, first: Counter[str], last: Counter[str]) -> str:
    """Return the label's column of a file without a header: the first or the last.

    Args:
        file: Its columns.
        first: How often each value stands in the first column.
        last: The same of the last one.

    Raises:
        Refused: Both could be labels, or neither.
    """
    fits = [
        (len(values), column)
        for values, column in ((first, file.columns[0]), (last, file.columns[-1]))
        if could_be_labels(values)
    ]
    by_count = sorted(fits)
    if len(by_count) == 1 or (len(by_count) > 1 and by_count[1][0] >= 4 * by_count[0][0]):
        return by_count[0][1]
    raise refuse(
        f"preprocess cannot tell the column of labels in {file.name}, which has no header",
        expected="few distinct whole numbers in the first column or in the last, and not in both",
        got=f"{len(first):,} distinct values in the first column, {len(last):,} in the last, of so many rows: "
        f"{sum(first.values()):,}",
        fix="set data.label_column to the position of the labels: 0 for the first, -1 for the last",
    )


def could_be_labels(values: Counter[str]) -> bool:
    """Return whether these are classes rather than measurements: at least two, names or whole, each several times."""
    if len(values) > 1 and not any(is_number(value) for value in values):
        return len(values) <= sum(values.values()) / 2
    if len(values) < 2 or not all(is_number(value) and float(value).is_integer() for value in values):  # noqa: PLR2004 - classes
        return False
    return not many_numbers([int(float(value)) for value in values], sum(values.values()))


def _cell(file: CsvFile, others: list[str], asked: str | None) -> str | None:
    """Return the column of which each cell holds a whole image."""
    column = column_named(file.name, file.columns, asked, "image_column") if asked else None
    found = [column] if column else [name for name in others if name.lower() in CELL_COLUMNS]
    for name in found:
        number = file.columns.index(name)
        cells = [row[number].split() for row in file.head[:5] if len(row) > number]
        if cells and all(len(cell) >= FEWEST_PIXELS and all(is_number(one) for one in cell) for cell in cells):
            return name
    return None


def _left_over(file: CsvFile, left: list[str]) -> str | None:
    kept = [column for column in left if not is_index(column)]
    if len(kept) > 1:
        raise refuse(
            f"preprocess cannot tell the column of labels in {file.name}",
            expected=f"a column called {', '.join(LABEL_COLUMNS[:3])}, or only one beside the pixels",
            got=f"the columns {examples(kept)}",
            fix=f"set data.label_column to {' or '.join(kept[:5])}",
        )
    return kept[0] if kept else None


def _numbered(columns: list[str]) -> list[str]:
    """Return the columns of one numbered row (pixel0, pixel1, …; 1x1, 1x2, …) that most are of, else none."""
    stems = Counter(stem for column in columns if (stem := _stem(column)) is not None)
    if not stems:
        return []
    stem, count = stems.most_common(1)[0]
    if count < FEWEST_PIXELS or count <= len(columns) / 2:
        return []
    return [column for column in columns if _stem(column) == stem]


def _stem(column: str) -> str | None:
    found = re.fullmatch(r"(.*?)[\W_]*(?:\d+[\W_]*x[\W_]*)?\d+", column.lower())
    return found.group(1) if found else None


def by_number(columns: list[str]) -> tuple[str, ...]:
    """Return pixel columns in the order of their numbers, colours (r0, g0, b0) side by side; others as they stand.

    A table whose columns were sorted as text (pixel0, pixel1, pixel10, …) holds the same images.
    """
    spelled = {re.sub(r"\d+", "#", column.lower()) for column in columns}
    colours = {pattern: _colour(pattern) for pattern in spelled}
    if len(spelled) > 1 and sorted(colours.values()) != [0, 1, 2]:
        return tuple(columns)
    keys = {
        column: (tuple(map(int, re.findall(r"\d{1,9}", column))), colours[re.sub(r"\d+", "#", column.lower())])
        for column in columns
    }
    return tuple(sorted(columns, key=keys.__getitem__)) if len(set(keys.values())) == len(columns) else tuple(columns)


def _colour(pattern: str) -> int:
    """Return 0, 1 or 2 for a name that says red, green or blue, else -1."""
    words = re.split(r"[^a-z]+", pattern)
    found = [number for number, names in enumerate(("r red", "g green", "b blue")) if {*words} & {*names.split()}]
    return found[0] if len(found) == 1 else -1


def is_index(column: str) -> bool:
    """Return whether a column is the row number that pandas writes, or an id."""
    return column.lower() in {"", "id", "index", "unnamed: 0", "imageid", "image_id", "row"}


def _all_numbers(file: CsvFile, columns: list[str]) -> bool:
    places = [file.columns.index(column) for column in columns]
    return all(is_number(row[place]) for row in file.head[:5] for place in places if place < len(row))


def _looks_like_names(file: CsvFile, columns: list[str]) -> bool:
    """Return whether there is no number in the head of these columns, but for ids."""
    places = [file.columns.index(column) for column in columns if not is_index(column)]
    cells = [row[place] for row in file.head[:20] for place in places if place < len(row)]
    return not any(is_number(cell) for cell in cells)
