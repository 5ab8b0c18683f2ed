"""What was read of a source and what was left out, in words: for the log of `preprocess`, the data gate and the report.

Dataset ──► [intake_rows] ──► (what, how many and which), a row each
"""

from __future__ import annotations

from collections.abc import Iterable

from featherline.tasks.contracts.dataset import SPLITS, Dataset, Told
from featherline.tasks.contracts.safe_text import visible

MOST_NAMES = 60
"""Of the vocabulary, in one row."""

Row = tuple[str, str]


def intake_rows(dataset: Dataset) -> tuple[Row, ...]:
    """Return what a reader of a data set must know: vocabulary, splits, columns, what was left out and what changed.

    Equal data sets give equal rows. Names of the source are visible, one line, and still foreign: a page escapes them.
    """
    intake = dataset.intake
    rows = [("format", intake.format)] if intake.format else []
    if dataset.vocabulary:
        rows.append(("vocabulary", f"{len(dataset.vocabulary):,}: {_some(dataset.vocabulary)}"))
    if intake.read:
        rows.append(("examples found", ", ".join(f"{count:,} in {split}" for split, count in intake.read.items())))
    for of in SPLITS:
        split = dataset.splits.get(of)
        if split is not None:
            of_stratum = zip(dataset.strata, split.strata, strict=False)
            rows.append((of, f"{split.count:,} examples: {_some(f'{count:,} {name}' for name, count in of_stratum)}"))
    rows += [(part, f"the column {column}") for part, column in intake.columns.items()]
    rows += [("left out", _told(item)) for item in intake.left_out]
    if dataset.corrupt.count:
        corrupt = Told(what="corrupt", count=dataset.corrupt.count, examples=dataset.corrupt.examples)
        rows.append(("left out", _told(corrupt)))
    rows += [("changed", _told(item)) for item in intake.changed]
    return tuple(rows)


def _some(names: Iterable[str]) -> str:
    every = [visible(name, 80) for name in names]
    more = len(every) - MOST_NAMES
    return ", ".join(every[:MOST_NAMES]) + (f" and {more:,} more" if more > 0 else "")


def _told(item: Told) -> str:
    more = item.count - len(item.examples)
    names = ", ".join(item.examples) + (f" and {more:,} more" if more > 0 and item.examples else "")
    return f"{item.what}: {item.count:,}" + (f" ({names})" if names else "")
