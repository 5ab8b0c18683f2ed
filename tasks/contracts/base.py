"""The ground that every contract stands on: frozen, closed to unknown keys, and with one canonical form."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue


def _no_truth(value: object) -> object:
    """Refuse a Boolean where a number is asked: `max_drop: yes` would be 1, and let everything through."""
    if isinstance(value, bool):
        raise ValueError("a number, and not true or false")  # noqa: TRY004 - pydantic wants it
    return value


Fraction = Annotated[float, Field(ge=0, le=1), BeforeValidator(_no_truth)]
"""From 0 to 1, never percent."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
LONGEST_NAME = 63
Name = Annotated[str, Field(pattern=rf"^[a-z][a-z0-9._-]{{0,{LONGEST_NAME - 1}}}$")]
"""Lower case, so that it can be a folder, an S3 key, a label in the UI and a registry name at once."""
LARGEST_SIDE = 4096
"""Of an example, in its own unit: one of 4096x4096x3 bytes takes 48 MiB, and four of them are in memory at once."""
NameOrEmpty = Annotated[str, Field(pattern=rf"^(|[a-z][a-z0-9._-]{{0,{LONGEST_NAME - 1}}})$")]
Words = Annotated[str, Field(max_length=200)]
"""A line that a person reads: an author, a licence."""
Prose = Annotated[str, Field(max_length=10_000)]
"""A few paragraphs that a person reads."""
ColumnName = Annotated[str, Field(min_length=1, max_length=256)]
"""Of a table."""
Address = Annotated[str, Field(min_length=1, max_length=4096)]
"""A path or a URL."""


class Contract(BaseModel):
    """A value that crosses a wall. It cannot change, and refuses unknown keys and numbers that are not finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def to_json(self) -> bytes:
        """Return the canonical form: sorted keys, no spaces, UTF-8. Equal contracts give equal bytes."""
        return canonical_json(self.model_dump(mode="json"))

    def content_sha256(self) -> str:
        """Return the digest of the canonical form."""
        return digest(self.to_json())


ContractT = TypeVar("ContractT", bound=Contract)


def strictly(contract: type[ContractT], raw: dict[str, Any]) -> ContractT:
    """Return a contract of what a person wrote, in which no value is taken for another: true is not 1, "3" is not 3.

    Args:
        contract: Which one.
        raw: A tree of plain values, as `featherline.tasks.contracts.tree` lets pass.

    Raises:
        ValidationError: It is not what the contract takes.
    """
    return contract.model_validate_json(json.dumps(raw), strict=True)


def canonical_json(value: JsonValue | dict[str, Any] | list[Any]) -> bytes:
    """Return `value` as JSON bytes with sorted keys and no spaces.

    Raises:
        ValueError: `value` holds a NaN or an infinity, which JSON does not have.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def digest(data: bytes) -> str:
    """Return the SHA-256 of `data` in lower-case hex."""
    return hashlib.sha256(data).hexdigest()
