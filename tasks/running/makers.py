"""Who made an artifact, so that a damaged one is made again by itself.

    a step ran ──► made/<step>/<key>.json: its request, the artifacts that it stored, the digest of its result
    an artifact is gone or damaged ──► the record that names it ──► that step, once more ──► the same artifact

Steps are deterministic: the same request gives the same bytes. Where it does not (another machine, a source that has
changed) the reader fails as before, and the next run makes all anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import ValidationError

from featherline.tasks.contracts.base import Sha256, digest
from featherline.tasks.contracts.request import StepRequest
from featherline.tasks.contracts.stored import OtherFormat, Stored
from featherline.tasks.store.artifacts import Store


class Made(Stored):
    """One run of a step, and what it stored."""

    format: Literal[1] = 1
    step: str
    request: StepRequest
    artifacts: tuple[Sha256, ...]
    result_sha256: Sha256 | None = None
    """Of its document under `results/`; none of a step that always runs."""
    image: str = ""
    """The digest of the image that it ran in; empty outside a container. For the record: no part of a key."""


def record(store: Store, key: str, made: Made) -> None:
    """Say who made what."""
    store.blobs.replace(_key(made.step, key), made.to_json())


def is_as_written(store: Store, step: str, key: str, result: bytes) -> bool:
    """Return whether a result is what its step wrote; so is one of which no record tells."""
    made = _read(store, _key(step, key))
    return made is None or made.result_sha256 in (None, digest(result))


def made_by(store: Store, step: str, key: str) -> Made | None:
    """Return what a step was asked that gave the result under this key; None where nothing tells."""
    return _read(store, _key(step, key))


def makers_of(store: Store, sha256: str) -> Iterator[Made]:
    """Yield who stored an artifact."""
    for key in list(store.blobs.keys("made/")):
        made = _read(store, key)
        if made is not None and sha256 in made.artifacts:
            yield made


def _read(store: Store, key: str) -> Made | None:
    data = store.blobs.read(key)
    try:
        return None if data is None else Made.from_json(data)
    except (ValidationError, OtherFormat):  # damaged, or another version's: written anew when its step runs again
        return None


def _key(step: str, key: str) -> str:
    return f"made/{step}/{key}.json"
