"""The JSON in a model file: read only up to a size and a depth, numbers that are numbers, text that can be written."""

from __future__ import annotations

import json
from typing import Any, NoReturn

MOST_BYTES = 16 * 2**20
"""The configuration of the largest networks of `keras.applications` takes two."""
MOST_DEPTH = 100


def parse(text: str | bytes) -> Any:  # noqa: ANN401 - JSON
    """Return what a JSON text says.

    Raises:
        ValueError: It is too long or too deep, no JSON, not UTF-8, or holds a NaN, an infinity or half a character.
    """
    if len(text) > MOST_BYTES:
        message = f"a configuration of more than {MOST_BYTES // 2**20} MiB"
        raise ValueError(message)
    try:
        value = json.loads(text, parse_constant=_no_number, parse_float=_finite)
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        message = f"a configuration nested more than {MOST_DEPTH} deep"
        raise ValueError(message) from None
    level, depth = [value], 0
    while level:
        level = [item for outer in level for item in _inside(outer)]
        depth += 1
        if depth > MOST_DEPTH:
            message = f"a configuration nested more than {MOST_DEPTH} deep"
            raise ValueError(message)
    return value


def _inside(value: Any) -> list[Any]:  # noqa: ANN401
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [item for item in items if isinstance(item, dict | list)]


def _no_number(text: str) -> NoReturn:
    message = f"{text} where a number is expected"
    raise ValueError(message)


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        _no_number(text)
    return value
