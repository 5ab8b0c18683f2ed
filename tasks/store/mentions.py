"""What a value refers to: every artifact reference inside a contract, or inside the JSON of a document in the store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from pydantic import BaseModel, ValidationError

from featherline.tasks.contracts.references import ArtifactRef

DOCUMENTS = frozenset(("dataset", "history", "measurement", "recipe", "trials", "verdict"))
"""Kinds of artifacts that are JSON and may refer to others."""


def references(value: object) -> Iterator[ArtifactRef]:
    """Yield every artifact reference inside a contract, a tuple or a dict."""
    if isinstance(value, ArtifactRef):
        yield value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from references(getattr(value, name))
    elif isinstance(value, dict):
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from references(item)


def named_in(value: object) -> Iterator[ArtifactRef]:
    """Yield every artifact reference inside JSON."""
    if isinstance(value, dict):
        if {"uri", "sha256", "bytes", "kind"} <= value.keys():
            with suppress(ValidationError):
                yield ArtifactRef.model_validate(value)
        for item in value.values():
            yield from named_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from named_in(item)
