"""A document with a number is read, or refused with who wrote it and what to do."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import ValidationError

from featherline.tasks.contracts.base import canonical_json
from featherline.tasks.contracts.stored import OtherFormat, Stored


class SavedThing(Stored):
    """A document that was once written with other words."""

    format: Literal[3] = 3
    length_mm: int

    @classmethod
    def of_older(cls, number: int, given: dict[str, Any]) -> dict[str, Any]:
        """Format 1 counted centimetres; format 2 told nothing of its length."""
        return {"length_mm": 10 * given["length_cm"]} if number == 1 else given


def test_what_is_written_is_read() -> None:
    """The number goes into the bytes and comes back."""
    assert SavedThing.from_json(SavedThing(length_mm=7).to_json()) == SavedThing(length_mm=7)
    assert b'"format":3' in SavedThing(length_mm=7).to_json()


def test_an_older_document_is_read_where_it_can_be() -> None:
    """What has no number is of format 1."""
    assert SavedThing.from_json(b'{"length_cm": 2}') == SavedThing(length_mm=20)


@pytest.mark.parametrize(("number", "who"), [(2, "an older version"), (4, "a newer version")])
def test_what_cannot_be_read_is_refused_with_who_wrote_it(number: int, who: str) -> None:
    """The refusal names the document, both numbers, and what to do."""
    with pytest.raises(OtherFormat) as refused:
        SavedThing.from_json(canonical_json({"format": number, "name": "x"}))

    (problem,) = refused.value.at("store/things/1.json").problems
    assert problem.what == "the saved thing cannot be read: store/things/1.json"
    assert problem.expected == "format 3, as this version writes it"
    assert problem.got.startswith(f"format {number}: {who}")
    assert problem.fix


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"\xff", b'{"format": 3}', b'{"format": true}', b"[" * 100_000])
def test_what_is_no_document_is_told_apart(data: bytes) -> None:
    """Damage is not another version."""
    with pytest.raises(ValidationError):
        SavedThing.from_json(data)
