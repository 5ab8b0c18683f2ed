"""What a plain word of YAML means: nothing, a truth, a number or text; and which words are refused as unclear.

`010` is 8 in YAML 1.1 and 10 in 1.2, `1:30` is 90 in one and text in the other, `2001-01-01` is a date that no recipe
wants, `1e-4` is text in 1.1: the last is read as the number that it is, the others are refused.
"""

from __future__ import annotations

import math
import re
from typing import Any

LONGEST_NUMBER = 40
"""Characters; a number of a recipe has at most 19 digits."""
LARGEST = 2**63 - 1
NOTHING = frozenset(("", "~", "null", "Null", "NULL"))
TRUE = frozenset(word for base in ("true", "yes", "on") for word in (base, base.title(), base.upper()))
FALSE = frozenset(word for base in ("false", "no", "off") for word in (base, base.title(), base.upper()))
MAY_BE_NUMBER = frozenset("+-.0123456789")
WHOLE = re.compile(r"[-+]?(?:0|[1-9][0-9_]*|0x[0-9a-fA-F_]*[0-9a-fA-F]|0b[01_]*[01])")
REAL = re.compile(r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*|[0-9][0-9_]*(?=[eE]))(?:[eE][-+]?[0-9]+)?")
NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
OCTAL = re.compile(r"[-+]?0[0-9_]+")
BY_SIXTY = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt \t].*)?")


class Unclear(Exception):  # noqa: N818 - an answer to the reader, who makes a refusal of it
    """A word that is refused, and why."""

    def __init__(self, expected: str, fix: str) -> None:
        super().__init__(expected)
        self.expected, self.fix = expected, fix


def meaning(word: str) -> Any:  # noqa: ANN401 - YAML
    """Return what a word without quotes means.

    Raises:
        Unclear: It is a number that is not finite, too long or read otherwise elsewhere, or a date.
    """
    if word in NOTHING:
        return None
    if word in TRUE or word in FALSE:
        return word in TRUE
    if word[0] not in MAY_BE_NUMBER:
        return word
    if NOT_FINITE.fullmatch(word):
        raise Unclear("numbers that are finite", "give a number")
    if WHOLE.fullmatch(word):
        return _whole(word)
    if REAL.fullmatch(word):
        return _real(word)
    for pattern, what in ((OCTAL, "a leading 0"), (BY_SIXTY, "a : between digits"), (DATE, "a date")):
        if pattern.fullmatch(word):
            raise Unclear(f"no {what.removeprefix('a ')}, which YAML reads in its own way", "put it into quotes")
    return word


def _whole(word: str) -> int:
    digits = word.replace("_", "")
    number = int(digits, 0) if len(digits) <= LONGEST_NUMBER else LARGEST + 1
    if abs(number) > LARGEST:
        raise Unclear(f"whole numbers from -{LARGEST:,} to {LARGEST:,}", "give a smaller number, or put it into quotes")
    return number


def _real(word: str) -> float:
    number = float(word.replace("_", "")) if len(word) <= LONGEST_NUMBER else math.inf
    if not math.isfinite(number):
        raise Unclear(f"numbers that are finite, in at most {LONGEST_NUMBER} characters", "give a smaller number")
    return number
