"""What any tree of plain values must be before a contract looks at it: small, shallow, finite, of readable text.

A tree comes from YAML, from JSON of Airflow's form, from the command line. What is refused here would end the contract
itself, the hashing of it, or the file that it is written to.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from featherline.tasks.contracts.refusal import Problem, Refused
from featherline.tasks.contracts.safe_text import visible

DEEPEST = 32
"""Sections in one another."""
MOST_VALUES = 30_000
LETTERS_OF_A_VALUE = 64
"""A longer text counts as several values: a million letters, thirty thousand times, would fill a machine."""
LARGEST_NUMBER = 2**63 - 1
UNREADABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""Controls but tab and line end, halves of characters, and what is no character."""


def check_tree(tree: object, who: str, written_in: str) -> None:
    """See that a tree of values can be worked with.

    Args:
        tree: Of dicts, lists and plain values.
        who: What it is, such as `recipe digits`.
        written_in: Where a person corrects it.

    Raises:
        Refused: It is too large or too deep, or a value of it is no plain one; the first of them.
    """
    count = 0
    for path, value in _values(tree, "", 0):
        count += weight(value)
        rule = f"at most {MOST_VALUES:,} values" if count > MOST_VALUES else _rule(value, path.count("\0"))
        if rule:
            at = path.replace("\0", ".").removeprefix(".")
            what = f"{who} cannot take {visible(at)}" if at else f"{who} cannot be taken"
            raise Refused(Problem(what, rule, visible(value, 80), f"correct {visible(at) or 'it'} in {written_in}"))


def weight(value: object) -> int:
    """Return as how many values one counts."""
    text = value.key if isinstance(value, _Key) else value
    return 1 + len(text) // LETTERS_OF_A_VALUE if isinstance(text, str) else 1


def _values(value: object, path: str, depth: int) -> Iterator[tuple[str, object]]:
    """Yield each value with its path, a parent before its children; no deeper than is allowed."""
    yield path, value
    if depth > DEEPEST:
        return
    if isinstance(value, dict):
        for key, item in value.items():
            inside = f"{path}\0{key if isinstance(key, str) else type(key).__name__}"
            yield inside, _Key(key)
            yield from _values(item, inside, depth + 1)
    elif isinstance(value, list | tuple):
        for place, item in enumerate(value):
            yield from _values(item, f"{path}\0{place}", depth + 1)


class _Key:
    """A key, so that it is told from a value."""

    def __init__(self, key: object) -> None:
        self.key = key

    def __str__(self) -> str:
        return str(self.key)


def _rule(value: object, depth: int) -> str:
    """Return the rule that a value breaks, or nothing."""
    if depth > DEEPEST:
        return f"at most {DEEPEST} sections in one another"
    text = value.key if isinstance(value, _Key) else value
    if isinstance(value, _Key) and not isinstance(text, str):
        return "keys that are text"
    if isinstance(text, str):
        return "text without control characters" if UNREADABLE.search(text) else ""
    return _rule_of_plain(value)


def _rule_of_plain(value: object) -> str:
    if isinstance(value, bool | dict | list | tuple) or value is None:
        return ""
    if isinstance(value, int):
        return "" if abs(value) <= LARGEST_NUMBER else f"whole numbers from -{LARGEST_NUMBER:,} to {LARGEST_NUMBER:,}"
    if isinstance(value, float):
        return "" if math.isfinite(value) else "a finite number"
    return "text, a number, true, false, a list or a section"
