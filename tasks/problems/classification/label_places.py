"""Which class a label means, where it is a number or written in another way than the class is called.

2 among (0, 1, 10, 11, 2, …) of the recipe      the class called "2", not the third name
2 among (cat, dog, cow)                         the third name
2 of a file that calls it cow, recipe's order   cow, wherever the recipe names it
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from itertools import groupby

from featherline.tasks.contracts.refusal import Problem, examples
from featherline.tasks.contracts.safe_text import visible
from featherline.tasks.data.sources.source import Label


def places_of(
    found: list[Label], names: tuple[str, ...], of_source: tuple[str, ...] | None, *, of_recipe: bool
) -> dict[Label, int]:
    """Return the place of each label among the class names, -1 or one beyond them where it is no class.

    Args:
        found: The distinct labels.
        names: Of the classes.
        of_source: What the source itself calls the numbers 0, 1, …
        of_recipe: Whether `names` are the recipe's.

    An integer is called what the source calls it, else what its digits say, where the recipe has that name; only
    numbers without such a name are places. Numbers from 1 to the number of names are places from 1.
    """
    place_of = {name: place for place, name in enumerate(names)}
    by_text = {label: place_of.get(str(label), -1) for label in found}
    numbers = [label for label in found if isinstance(label, int)]
    if len(numbers) < len(found):
        return by_text
    if of_recipe and of_source:
        called = {label: place_of.get(of_source[label], -1) for label in numbers if 0 <= label < len(of_source)}
        if any(place not in {-1, label} for label, place in called.items()):
            return {label: called.get(label, -1) if isinstance(label, int) else -1 for label in found}
    elif of_recipe and min(by_text.values()) >= 0:
        return by_text
    first = 1 if sorted(numbers) == list(range(1, len(names) + 1)) else 0
    return {label: label - first for label in numbers}


def counted_from_one(found: list[Label], places: dict[Label, int]) -> bool:
    """Return whether the labels are numbers that were taken as places from 1, though no name says so."""
    return all(isinstance(label, int) and places[label] == label - 1 for label in found)


def look_alikes(names: Iterable[str], given: Iterable[str]) -> list[Problem]:
    """Return what refuses class names that are one name, written in several ways: `Cat` in train, `cat` in test.

    Args:
        names: Of the classes.
        given: Those of the recipe: who names both there means both.

    Names of one letter may differ in their case alone, as letters do.
    """
    known = set(given)
    ordered = sorted(names, key=lambda name: (_folded(name), name))
    groups = [list(group) for _, group in groupby(ordered, key=_folded)]
    odd = [group for group in groups if len(group) > 1 and not set(group) <= known]
    if not odd:
        return []
    said = (" and ".join(visible(ascii(name), 80) for name in group[:3]) for group in odd)
    return [
        Problem(
            "preprocess meets class names that differ only in how they are written",
            "one spelling of each class, also between splits: the same case, spaces and Unicode form",
            examples(said),
            "rename the folders or labels; where they are different classes, name them all in data.classes",
        )
    ]


def _folded(name: str) -> str:
    text = " ".join(unicodedata.normalize("NFC", name).split())
    return text if len(text) == 1 else text.casefold()
