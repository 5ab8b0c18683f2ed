"""What outlives the run that wrote it: a contract with a number, so that a reader knows whether it can be read.

    bytes ──► number ──► of today: validated    older: read, or refused    newer: refused, with what to do

A document without a number was written before there were numbers, and is of format 1.
"""

from __future__ import annotations

import json
from typing import Any, ClassVar, Self

from pydantic import ValidationError

from featherline.tasks.contracts.base import Contract
from featherline.tasks.contracts.refusal import Problem, Refused

FIRST = 1
"""The format of what has no number."""


class OtherFormat(Refused):
    """A document that another version of Featherline wrote and this one does not read."""

    def at(self, place: str) -> OtherFormat:
        """Return the refusal with the place where the document lies."""
        (problem,) = self.problems
        return OtherFormat(Problem(f"{problem.what}: {place}", problem.expected, problem.got, problem.fix))


class Stored(Contract):
    """A contract that lies in the store. Its field `format` is a `Literal` of the number that is written today."""

    remedy: ClassVar[str] = "run the step that made it again, with ignore_cache: true"
    """What to do where an older version wrote it and it cannot be read."""

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Return a document of this version, or of an older one that can be read.

        Raises:
            OtherFormat: A newer version wrote it, or an older one whose documents are read no more.
            ValidationError: It is none.
        """
        today = int(cls.model_fields["format"].default)
        try:
            given = json.loads(data)
        except (ValueError, RecursionError):
            given = None
        number = given.get("format", FIRST) if isinstance(given, dict) else today
        if number == today or isinstance(number, bool) or not isinstance(number, int) or number < FIRST:
            return cls.model_validate_json(data)
        if number > today:
            fix = (
                "read it with the version that wrote it, or a later one; or let this one make its own, in another store"
            )
            raise cls._other(today, number, "a newer version of Featherline wrote it", fix)
        try:
            return cls.model_validate_json(json.dumps(cls.of_older(number, given) | {"format": today}))
        except (ValidationError, LookupError, TypeError, AttributeError):
            raise cls._other(today, number, "an older version of Featherline wrote it", cls.remedy) from None

    @classmethod
    def of_older(cls, number: int, given: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG003 - for those that need it
        """Return what an older version wrote, in the words of today as far as they can be had."""
        return given

    @classmethod
    def _other(cls, today: int, number: int, who: str, fix: str) -> OtherFormat:
        name = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in cls.__name__).strip()
        return OtherFormat(
            Problem(
                f"the {name} cannot be read",
                f"format {today}, as this version writes it",
                f"format {number}: {who}",
                fix,
            )
        )
