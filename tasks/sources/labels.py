"""From a source's labels to class numbers: integers are places in `classes`, names are looked up in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.contracts.refusal import Problem, Refused, examples, refuse
from tasks.sources.source import Label, Source, SourceSplit

MOST_CLASSES = 10_000
"""More distinct labels than this are no classes but measurements or file names."""


@dataclass(frozen=True)
class Labels:
    """The labels of a whole source.

    Attributes:
        classes: Names, in the order of the class numbers.
        by_split: (rows of the split,) class numbers.
    """

    classes: tuple[str, ...]
    by_split: dict[SourceSplit, NDArray[np.int32]]


def read_labels(source: Source, classes: tuple[str, ...] | None) -> Labels:
    """Read all labels of a source, without its images.

    Args:
        source: Where they come from.
        classes: The names that the recipe gives; without them those of the source, else the labels themselves, sorted.

    Raises:
        Refused: There are no images, a row has no label, a label is outside the classes, or there is one class only.
    """
    codes: dict[Label, int] = {}
    first: list[tuple[SourceSplit, int]] = []
    coded = {split: _codes(source.labels(split), split, codes, first) for split in source.splits}
    if not codes:
        raise refuse(
            "preprocess finds no images",
            expected="labelled images",
            got="0 rows",
            fix="correct data.source, or the export that fills it",
        )
    wheres = {label: source.where(*first[code]) for label, code in codes.items()} if len(codes) <= MOST_CLASSES else {}
    names, numbers = class_numbers(list(codes), classes or source.class_names, wheres)
    table = np.asarray([numbers[label] for label in codes], np.int32)
    return Labels(names, {split: table[rows] for split, rows in coded.items()})


def _codes(
    batches: Iterable[list[Label]],
    split: SourceSplit,
    codes: dict[Label, int],
    first: list[tuple[SourceSplit, int]],
) -> NDArray[np.int32]:
    """Number the distinct labels as they come, and remember where each was first met."""
    parts, row = [np.zeros(0, np.int32)], 0
    for batch in batches:
        for offset, label in enumerate(batch):
            if label not in codes and len(codes) <= MOST_CLASSES:
                codes[label] = len(codes)
                first.append((split, row + offset))
        if len(codes) > MOST_CLASSES:
            break
        parts.append(np.asarray([codes[label] for label in batch], np.int32))
        row += len(batch)
    return np.concatenate(parts)


def class_numbers(
    found: list[Label], classes: tuple[str, ...] | None, wheres: dict[Label, str]
) -> tuple[tuple[str, ...], dict[Label, int]]:
    """Return the class names and the number of each label found.

    Args:
        found: The distinct labels.
        classes: Known names, in label order.
        wheres: Where each label was first met, for the message.

    Raises:
        Refused: As `read_labels`.
    """
    if len(found) > MOST_CLASSES:
        raise refuse(
            "preprocess cannot take the labels for classes",
            expected=f"at most {MOST_CLASSES:,} distinct labels",
            got=f"more, such as {examples(found[:3])}",
            fix="give a column `label` that holds classes",
        )
    kinds = {type(label) for label in found}
    problems = []
    if type(None) in kinds:
        problems.append(
            Problem("preprocess meets a row without a label", "a label in each row", wheres[None], "label it")
        )
    if {int, str} <= kinds:
        some = [next(label for label in found if isinstance(label, kind)) for kind in (int, str)]
        problems.append(
            Problem(
                "preprocess meets two kinds of labels",
                "only integers, or only names",
                examples(f"{label!r} ({wheres[label]})" for label in some),
                "write all labels in one way",
            )
        )
    if classes and len(set(classes)) != len(classes):
        twice = sorted({name for name in classes if classes.count(name) > 1})
        problems.append(
            Problem("preprocess meets a class name twice", "each once (data.classes)", examples(twice), "rename one")
        )
    if problems:
        raise Refused(*problems)
    names = classes or tuple(str(label) for label in sorted(found))  # type: ignore[type-var] # one kind, no None
    if classes is None:
        numbers = {label: names.index(str(label)) for label in found}
    else:
        places = {name: number for number, name in enumerate(classes)}
        numbers = {label: places.get(label, -1) if isinstance(label, str) else int(label or 0) for label in found}
    _check(found, names, numbers, wheres)
    return names, numbers


def _check(found: list[Label], names: tuple[str, ...], numbers: dict[Label, int], wheres: dict[Label, str]) -> None:
    unknown = [label for label in found if not 0 <= numbers[label] < len(names)]
    if unknown:
        kind = f"integers from 0 to {len(names) - 1}" if isinstance(unknown[0], int) else f"one of {examples(names)}"
        raise refuse(
            "preprocess meets a label that is no class",
            expected=f"{kind} (data.classes, or classes.txt of the source)",
            got=examples(f"{label!r} ({wheres[label]})" for label in unknown),
            fix="add the class to data.classes, or correct the labels",
        )
    if len(set(numbers.values())) < 2:  # noqa: PLR2004 - a classifier tells at least two apart
        raise refuse(
            "preprocess meets one class only",
            expected="images of at least 2 classes",
            got=f"only {names[numbers[found[0]]]}",
            fix="add images of the other classes, or correct data.source",
        )
