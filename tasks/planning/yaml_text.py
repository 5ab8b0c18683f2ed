"""YAML as recipes use it: mappings, lists and plain values, read within a second, or refused with the line.

    bytes, at most 1 MB ──► events of libyaml ──► dict, list, str, int, float, bool, None; no two of them one object

What YAML can do beside is refused, since none of it belongs into a recipe and some of it is a trap: tags, recursive
anchors, a thousand million values behind a few lines of anchors, keys that are no text, a key twice (the last one would
win in silence), numbers and dates that another version of YAML reads as something else (`yaml_words`).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import yaml

from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.contracts.safe_text import visible
from featherline.tasks.contracts.tree import DEEPEST, MOST_VALUES, weight
from featherline.tasks.planning.yaml_words import Unclear, meaning

MOST_BYTES = 1_000_000
MERGE = "<<"
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Fault(Exception):  # noqa: N818 - becomes a refusal where the file's name is known
    """What is wrong, where, and what to do."""

    def __init__(self, mark: Any, expected: str, got: str, fix: str) -> None:  # noqa: ANN401 - yaml's own
        super().__init__(got)
        self.where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "the file"
        self.expected, self.got, self.fix = expected, got, fix


def read_yaml(data: bytes | str, who: str, place: str) -> Any:  # noqa: ANN401 - YAML
    """Return the one document of a YAML text; None where it is empty. No part of the answer is there twice.

    Args:
        data: As it lies in the file, UTF-8.
        who: What it is, such as `recipe digits`.
        place: Where a person corrects it, such as `digits.yaml`.

    Raises:
        Refused: It is too large or no YAML of the kind that recipes have.
    """
    text = _decoded(data, who, place)
    try:
        return _Builder(yaml.parse(text, Loader=LOADER)).document()
    except _Fault as fault:
        raise refuse(
            f"{who} cannot be read",
            expected=fault.expected,
            got=f"{fault.got} at {fault.where}",
            fix=f"{fault.fix}, in {place}",
        ) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "the file"
        said = getattr(error, "problem", None) or getattr(error, "reason", None) or "a mistake"
        raise refuse(
            f"{who} is no YAML", expected="YAML 1.1", got=f"{said} at {where}", fix=f"correct {place} there"
        ) from None


def _decoded(data: bytes | str, who: str, place: str) -> str:
    size = len(data)
    if size > MOST_BYTES:
        raise refuse(
            f"{who} is too large",
            expected=f"at most {MOST_BYTES:,} bytes",
            got=f"{size:,} bytes or more",
            fix=f"keep data out of {place}: a recipe names where they lie",
        )
    if isinstance(data, str):
        if data != data.encode(errors="replace").decode():
            raise refuse(
                f"{who} is no text in UTF-8", expected="UTF-8", got=visible(data), fix=f"write {place} in UTF-8"
            )
        return data
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise refuse(
            f"{who} is no text in UTF-8",
            expected="UTF-8",
            got=f"the byte 0x{data[error.start]:02x} in line {line}",
            fix=f"save {place} as UTF-8",
        ) from None


class _Builder:
    """Builds values from events, and counts them, those behind aliases too, before they are built."""

    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events
        self._anchors: dict[str, tuple[Any, int] | None] = {}
        """By name: the value and how many values it holds; None while it is being read."""
        self._count = 0

    def document(self) -> Any:  # noqa: ANN401 - YAML
        next(self._events)  # the stream begins
        event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            return None
        value = self._value(next(self._events), 0)
        next(self._events)  # the document ends
        event = next(self._events)
        if not isinstance(event, yaml.StreamEndEvent):
            raise _Fault(event.start_mark, "one document", "a second one", "keep what follows `---` in another file")
        return value

    def _value(self, event: Any, depth: int) -> Any:  # noqa: ANN401 - yaml's own
        if depth > DEEPEST:
            raise _Fault(
                event.start_mark, f"at most {DEEPEST} sections in one another", "more", "take some of them away"
            )
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        if event.tag is not None and event.tag != "!":
            raise _Fault(event.start_mark, "values without a tag", visible(event.tag), "write the value itself")
        before = self._count
        self._counted(weight(event.value) if isinstance(event, yaml.ScalarEvent) else 1, event.start_mark)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        if isinstance(event, yaml.MappingStartEvent):
            value: Any = self._mapping(depth)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = [self._value(item, depth + 1) for item in self._until(yaml.SequenceEndEvent)]
        else:
            value = self._scalar(event)
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, self._count - before)
        return value

    def _alias(self, event: Any) -> Any:  # noqa: ANN401 - yaml's own
        name = visible(event.anchor)
        if event.anchor not in self._anchors:
            raise _Fault(event.start_mark, "an anchor above", f"*{name}", f"write &{name} before it")
        known = self._anchors[event.anchor]
        if known is None:
            raise _Fault(event.start_mark, "values that do not hold themselves", f"*{name}", "write the value out")
        self._counted(known[1], event.start_mark)
        return copy.deepcopy(known[0])

    def _mapping(self, depth: int) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for event in self._until(yaml.MappingEndEvent):
            key = self._key(event)
            if key in own or (key == MERGE and merged):
                raise _Fault(event.start_mark, "each key once in a section", f"{visible(key)} again", "take one away")
            value = self._value(next(self._events), depth + 1)
            if key == MERGE and _is_plain(event):
                for section in value if isinstance(value, list) else [value]:
                    if not isinstance(section, dict):
                        raise _Fault(event.start_mark, "a section after <<", visible(section), "name an anchor of one")
                    merged = section | merged
            else:
                own[key] = value
        return merged | own

    def _key(self, event: Any) -> str:  # noqa: ANN401 - yaml's own
        expected, fix = "keys that are text", "put it into quotes, or correct it"
        if not isinstance(event, yaml.ScalarEvent):
            what = "an alias" if isinstance(event, yaml.AliasEvent) else "a list or a section as key"
            raise _Fault(event.start_mark, expected, what, "write the key itself")
        if event.tag is not None and event.tag != "!":
            raise _Fault(event.start_mark, expected, visible(event.tag), "write the key itself")
        self._counted(weight(event.value), event.start_mark)
        key = self._scalar(event)
        if not isinstance(key, str):
            raise _Fault(event.start_mark, expected, f"{visible(event.value) or 'nothing'}, a {_kind(key)}", fix)
        if event.anchor is not None:
            self._anchors[event.anchor] = (key, 1)
        return key

    def _scalar(self, event: Any) -> Any:  # noqa: ANN401 - yaml's own
        if not _is_plain(event) or event.value == MERGE:
            return event.value
        try:
            return meaning(event.value)
        except Unclear as unclear:
            raise _Fault(event.start_mark, unclear.expected, visible(event.value), unclear.fix) from None

    def _counted(self, more: int, mark: Any) -> None:  # noqa: ANN401 - yaml's own
        self._count += more
        if self._count > MOST_VALUES:
            raise _Fault(
                mark, f"at most {MOST_VALUES:,} values, those behind * counted each time", "more", "give it fewer"
            )

    def _until(self, end: type) -> Iterator[Any]:
        while not isinstance(event := next(self._events), end):
            yield event


def _is_plain(event: Any) -> bool:  # noqa: ANN401 - yaml's own
    """Return whether a scalar stands there without quotes, and so may mean another thing than text."""
    return event.tag is None and event.style in {None, ""}


def _kind(value: object) -> str:
    names = {bool: "Boolean", int: "number", float: "number", type(None): "null"}
    return names.get(type(value), type(value).__name__)


def mapping_of(value: object, who: str, place: str) -> dict[str, Any]:
    """Return a document that is a section. Raises `Refused` where it is another thing."""
    if isinstance(value, dict):
        return value
    got = "nothing" if value is None else visible(value)
    raise refuse(f"{who} has no keys", expected="a YAML mapping", got=got, fix=f"write KEY: VALUE lines into {place}")
