"""What a cell of a source says as a label: a whole number, a name, or nothing."""

from __future__ import annotations

import math
import re

from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.contracts.safe_text import visible
from featherline.tasks.data.sources.source import Label

OTHERS = ("validation", "test")
"""Splits that a source may have without labels."""

LONGEST_LABEL = 2000
"""Characters of a cell that is looked at; a longer one is a text."""

MISSING = {"", "nan", "NaN", "NAN", "<NA>", "NaT", "null", "NULL", "None", "#N/A"}
"""How an absent label is written."""

INTEGER = re.compile(r"-?[0-9]{1,18}")
WHOLE = re.compile(r"-?[0-9]{1,15}\.0*")


def label_of(value: object) -> Label:
    """Return a cell as a label: an integer where it is one, also written 3.0; None where nothing is said.

    Raises:
        Refused: It is a number that is not whole, which is a measurement, or a long text.
    """
    if isinstance(value, str):
        if len(value) > LONGEST_LABEL:
            raise refuse(
                "preprocess cannot take the labels",
                expected=f"at most {LONGEST_LABEL:,} characters in each",
                got=f"a text of {len(value):,}, {visible(repr(value), 120)}",
                fix="set data.label_column to the column of labels",
            )
        text = value.strip()
        if text in MISSING:
            return None
        if INTEGER.fullmatch(text):
            return int(text)
        return int(float(text)) if WHOLE.fullmatch(text) else text
    if isinstance(value, float):
        if math.isnan(value):
            return None
        if not value.is_integer():
            raise refuse(
                "preprocess cannot take the labels",
                expected="whole numbers, or names",
                got=f"{value:g}",
                fix="set data.label_column to the column of labels, or sort the values into kinds with a name each",
            )
        return int(value)
    return int(value) if isinstance(value, int) else None


def many_numbers(found: list[int], count: int) -> bool:
    """Return whether distinct numbers are too many of `count` for labels, or have gaps and are hardly repeated."""
    kinds = len(found)
    with_gaps = max(found) - min(found) + 1 != kinds
    return (count >= 20 and kinds > count / 2) or (kinds > 20 and with_gaps and kinds > count / 20)  # noqa: PLR2004 - a few
