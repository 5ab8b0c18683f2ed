"""The ledger: which data and which baselines of a recipe passed their gate, in order.

    ledger/<recipe>/<what>/00000001.json, 00000002.json, …

A gate compares with the entry *before* its subject, so that judging the same subject again asks the same question.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import ValidationError

from featherline.tasks.contracts.base import Sha256
from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.contracts.stored import OtherFormat, Stored
from featherline.tasks.store.artifacts import Store

NUMBER = re.compile(r"[0-9]{1,16}")


class Entry(Stored):
    """One accepted subject and what a later gate wants to know of it."""

    remedy = "delete it: the gate then compares with the entry before it"

    format: Literal[1] = 1
    subject: Sha256
    content: dict[str, Any]


def previous(store: Store, recipe: str, what: str, subject: str) -> Entry | None:
    """Return the entry before `subject`, or the newest where `subject` was never accepted; None where there is none."""
    entries = [entry for _, entry in _entries(store, recipe, what)]
    known = [number for number, entry in enumerate(entries) if entry.subject == subject]
    before = entries[: known[0]] if known else entries
    return before[-1] if before else None


def accept(store: Store, recipe: str, what: str, subject: str, content: dict[str, Any]) -> None:
    """Append `subject` unless it is there. Of two writers at once, both get their entry."""
    while True:
        entries = _entries(store, recipe, what)
        if any(entry.subject == subject for _, entry in entries):
            return
        entry, last = Entry(subject=subject, content=content), entries[-1][0] if entries else 0
        if store.blobs.create(f"{_folder(recipe, what)}{last + 1:08d}.json", entry.to_json()):
            return


def _entries(store: Store, recipe: str, what: str) -> list[tuple[int, Entry]]:
    """Return the entries with their numbers.

    Raises:
        Refused: One cannot be read: without it a gate would compare with another subject, and nobody would know.
    """
    entries = []
    for key in store.blobs.keys(_folder(recipe, what)):
        data, number = store.blobs.read(key), key.rpartition("/")[2].removesuffix(".json")
        if data is None or not NUMBER.fullmatch(number):
            continue
        try:
            entries.append((int(number), Entry.from_json(data)))
        except OtherFormat as other:
            raise other.at(f"{store.uri}/{key}") from None
        except ValidationError as error:
            raise refuse(
                f"the ledger entry {store.uri}/{key} cannot be read",
                expected="an accepted subject as a gate wrote it",
                got=f"{len(data)} bytes: {error.errors()[0]['msg']}",
                fix="restore it from a backup, or delete it: the gate then compares with the entry before it",
            ) from None
    return entries


def _folder(recipe: str, what: str) -> str:
    """Return where the entries lie; a gate that is called by hand may name no recipe."""
    return f"ledger/{recipe or 'by-hand'}/{what}/"
