"""From a source's labels to class numbers: integers are places in `classes`, names are looked up in it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.refusal import Problem, Refused, examples, refuse
from featherline.tasks.contracts.safe_text import visible
from featherline.tasks.data.sources.labels import OTHERS, many_numbers
from featherline.tasks.data.sources.source import Label, Source, SourceSplit, SourceTargets
from featherline.tasks.problems.classification.label_places import counted_from_one, look_alikes, places_of

MOST_IMAGES = 10_000_000
"""A split; their labels and places are in memory."""

LONGEST_NAME = 200
"""Characters of a class name."""

MOST_CLASSES = 10_000
"""More distinct labels than this are no classes but measurements or file names."""


def read_labels(source: Source, classes: tuple[str, ...] | None) -> SourceTargets:
    """Read all labels of a source, without its images.

    Args:
        source: Where they come from.
        classes: The names that the recipe gives; without them those of the source, else the labels themselves, sorted.

    Raises:
        Refused: There are no images, a row has no label, a label is outside the classes, or there is one class only.
    """
    codes: dict[Label, int] = {}
    first: list[tuple[SourceSplit, int]] = []
    coded: dict[SourceSplit, NDArray[np.int32]] = {}
    for split in source.splits:
        known = len(codes)
        rows = _codes(source.labels(split), split, codes, first)
        if split in OTHERS and len(rows) and _without_labels(rows, list(codes), known):
            source.log.leave_out(f"an image of the split {split}, which has no labels", split, len(rows))
            for label in list(codes)[known:]:
                del codes[label], first[-1]
        else:
            coded[split] = rows
    if not codes:
        raise refuse(
            "preprocess finds no images",
            expected="labelled images",
            got="0 rows",
            fix="correct data.source, or the export that fills it",
        )
    wheres = {label: source.where(*first[code]) for label, code in codes.items()} if len(codes) <= MOST_CLASSES else {}
    found, count = list(codes), sum(len(rows) for rows in coded.values())
    _check_many(found, count, known=bool(classes or source.vocabulary))
    names, numbers = class_numbers(found, classes, wheres, source.vocabulary)
    if counted_from_one(found, numbers) and not (set(map(str, found)) <= set(names)):
        source.log.change("numbers of classes that count from 1", f"1 is {names[0]}", len(found))
    table = np.asarray([numbers[label] for label in codes], np.int64)
    return SourceTargets(names, {split: table[rows] for split, rows in coded.items()})


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
        if row > MOST_IMAGES:
            raise refuse(
                "preprocess meets more images than it can plan for",
                expected=f"at most {MOST_IMAGES:,} images in a split",
                got="more",
                fix="give a part of the source",
            )
    return np.concatenate(parts)


def _without_labels(rows: NDArray[np.int32], found: list[Label], known: int) -> bool:
    """Return whether a split says None or -1 everywhere, and no split before it does: so hidden labels are written."""
    nothing = [code for code, label in enumerate(found) if label in (None, -1) and code >= known]
    return bool(nothing) and bool(np.isin(rows, nothing).all())


def _check_many(found: list[Label], count: int, *, known: bool) -> None:
    """Refuse labels that are measurements or names of files: hardly any comes twice."""
    numbers = [label for label in found if isinstance(label, int)]
    texts = len(found) > count / 2 and count >= 20  # noqa: PLR2004 - of fewer nothing can be told
    if known or not (texts or (len(numbers) == len(found) and many_numbers(numbers, count))):
        return
    raise refuse(
        "preprocess cannot take the labels for classes",
        expected="labels that come several times, or names for them (data.classes)",
        got=f"{len(found):,} distinct labels of {count:,} images, such as {examples(found[:3])}",
        fix="set data.label_column to the column of classes, or give data.classes",
    )


def _check_names(names: Iterable[str]) -> list[Problem]:
    """Return what is wrong with class names, which go into the model's file, pages and logs."""
    odd = [name for name in names if len(name) > LONGEST_NAME or not name.strip() or not name.isprintable()]
    if not odd:
        return []
    return [
        Problem(
            "preprocess cannot use a class name",
            f"1 to {LONGEST_NAME} characters that can be printed, in UTF-8",
            examples(visible(repr(name), 120) for name in odd),
            "rename the class: its folder, its label, or its line in classes.txt or data.classes",
        )
    ]


def class_numbers(
    found: list[Label],
    classes: tuple[str, ...] | None,
    wheres: dict[Label, str],
    of_source: tuple[str, ...] | None = None,
) -> tuple[tuple[str, ...], dict[Label, int]]:
    """Return the class names and the number of each label found.

    Args:
        found: The distinct labels.
        classes: Names that the recipe gives, in the order of the class numbers.
        wheres: Where each label was first met, for the message.
        of_source: Names that the source gives to the numbers 0, 1, …; those of the classes where the recipe gives none.

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
    given, problems = classes or (), list[Problem]()
    classes = classes or of_source
    if type(None) in kinds:
        problems.append(
            Problem(
                "preprocess meets a row without a label",
                "a label in each row",
                wheres[None],
                "label it, or leave it out; a class that is called nan or None is written otherwise",
            )
        )
    if {int, str} <= kinds and not {str(label) for label in found if label is not None} <= set(classes or ()):
        some = [next(label for label in found if isinstance(label, kind)) for kind in (int, str)]
        problems.append(
            Problem(
                "preprocess meets two kinds of labels",
                "only integers, or only names",
                examples(f"{label!r} ({wheres[label]})" for label in some),
                "write all labels in one way; where numbers are names as well, name all classes in data.classes",
            )
        )
    if classes and len(set(classes)) != len(classes):
        twice = sorted({name for name in classes if classes.count(name) > 1})
        problems.append(
            Problem("preprocess meets a class name twice", "each once (data.classes)", examples(twice), "rename one")
        )
    texts = classes or tuple(label for label in found if isinstance(label, str))
    problems += _check_names(texts)
    problems += look_alikes(texts, given)
    if problems:
        raise Refused(*problems)
    names = classes or tuple(str(label) for label in sorted(found))  # type: ignore[type-var] # one kind, no None
    if classes is None:
        numbers = {label: names.index(str(label)) for label in found}
    else:
        numbers = places_of(found, classes, of_source, of_recipe=bool(given))
    _check(found, names, numbers, wheres)
    return names, numbers


def _check(found: list[Label], names: tuple[str, ...], numbers: dict[Label, int], wheres: dict[Label, str]) -> None:
    unknown = [label for label in found if not 0 <= numbers[label] < len(names)]
    if unknown:
        kind = f"one of {examples(names)}"
        kind += f", or their places from 0 to {len(names) - 1}" if isinstance(unknown[0], int) else ""
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
