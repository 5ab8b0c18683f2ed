"""The registry in the store: two kinds of small documents, both written with a conditional put.

    registry/<name>/versions/00000001.json          what was registered; never changes
    registry/<name>/tags/00000001.json              what people said of it since
    registry/<name>/aliases/champion/00000001.json  where the alias went; the last move counts

A move is a new document under the next number, so that of two movers at once exactly one wins, on any S3, and the way
back is on record.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable, Iterator
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from featherline.tasks.contracts.base import canonical_json
from featherline.tasks.contracts.references import Champion
from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.contracts.stored import OtherFormat
from featherline.tasks.releasing.registries.registry import CHAMPION, AliasMovedError, Move, Submission, Version
from featherline.tasks.store.artifacts import Store

TAGS = TypeAdapter(dict[str, str]).validate_json
NUMBER = re.compile(r"[1-9][0-9]{0,15}")
"""Of a version or a move."""
T = TypeVar("T")


class StoreRegistry:
    """A registry that needs nothing but the store."""

    def __init__(self, store: Store) -> None:
        """Use this store."""
        self.store = store
        self.address = "store"

    def health(self) -> None:
        """See that the store answers."""
        self.store.blobs.size("registry/health")

    def find(self, name: str, model_sha256: str) -> Version | None:
        """Return the version that holds this very model, or None."""
        return next((version for version in self.list(name) if version.model_sha256 == model_sha256), None)

    def register(self, submission: Submission) -> Version:
        """Return the version that holds the submission's model, made unless it is there.

        Of two that register one model at once, the second one finds the first one's version.
        """
        release = submission.release
        while True:
            known = self.list(release.name)
            for version in known:
                if version.model_sha256 == release.model_sha256:
                    return version
            version = Version(
                name=release.name,
                version=str(int(known[-1].version) + 1 if known else 1),
                model_sha256=release.model_sha256,
                release_uri=release.uri,
                measurement=submission.measurement_ref,
                tags=submission.tags(),
            )
            if self.store.blobs.create(_key(release.name, "versions", version.version), version.to_json()):
                return version

    def get(self, name: str, reference: str) -> Version | None:
        """Return a version by its number, or by `@alias`; None where there is none."""
        if reference.startswith("@"):
            moves = self.moves(name, reference.removeprefix("@"))
            return self.get(name, moves[-1].version) if moves else None
        key = _key(name, "versions", reference) if NUMBER.fullmatch(reference) else None
        data = self.store.blobs.read(key) if key else None
        return None if key is None or data is None else self._version(name, key, data)

    def list(self, name: str) -> tuple[Version, ...]:
        """Return all versions of a model, the first one first."""
        documents = self._documents(f"registry/{name}/versions/")
        return tuple(self._version(name, key, data) for key, data in documents)

    def champion(self, name: str) -> Champion | None:
        """Return what holds the alias champion, or None."""
        version = self.get(name, f"@{CHAMPION}")
        return version.champion() if version else None

    def aliases(self, name: str) -> dict[str, str]:
        """Return the version that each alias points at, by alias."""
        prefix = f"registry/{name}/aliases/"
        names = {key.removeprefix(prefix).partition("/")[0] for key in self.store.blobs.keys(prefix)}
        moves = {alias: self.moves(name, alias) for alias in sorted(names)}
        return {alias: made[-1].version for alias, made in moves.items() if made}

    def set_alias(self, name: str, alias: str, move: Move, *, expected: str | None) -> None:
        """Point an alias at a version and remember the move. Raises AliasMovedError where another one holds it."""
        folder = f"registry/{name}/aliases/{alias}/"
        # The number is taken before the holder is read: whoever moves the alias in between takes it first.
        last = max((int(number) for key in self.store.blobs.keys(folder) if (number := _number(key))), default=0)
        moves = self.moves(name, alias)
        holder = moves[-1].version if moves else None
        if holder != expected:
            raise AliasMovedError(f"{alias} of {name}: expected at version {expected}, found at {holder}")
        if not self.store.blobs.create(f"{folder}{last + 1:08d}.json", move.to_json()):
            raise AliasMovedError(f"{alias} of {name}: somebody else moved it at the same time")

    def moves(self, name: str, alias: str) -> tuple[Move, ...]:
        """Return where an alias was, the first move first."""
        documents = self._documents(f"registry/{name}/aliases/{alias}/")
        return tuple(self._read(Move.from_json, key, data) for key, data in documents)

    def set_tags(self, name: str, version: str, tags: dict[str, str]) -> None:
        """Add tags to a version; of a tag that is there the value changes."""
        key = _key(name, "tags", version)
        before = self.store.blobs.read(key)
        self.store.blobs.replace(key, canonical_json((self._read(TAGS, key, before) if before else {}) | tags))

    def _version(self, name: str, key: str, data: bytes) -> Version:
        """Return the version that lies under a key.

        Raises:
            Refused: It is another's: a copy of a version of another model would be released under this name.
        """
        version = self._read(Version.from_json, key, data)
        if (version.name, version.version) != (name, _number(key)):
            raise refuse(
                f"the registry's {self.store.uri}/{key} is another version",
                expected=f"version {_number(key)} of {name}",
                got=f"version {version.version} of {version.name}",
                fix="find out who put it there; restore it from a backup, or delete it, with the moves under aliases/"
                " that lead to it",
            )
        return self._with_tags(version)

    def _with_tags(self, version: Version) -> Version:
        key = _key(version.name, "tags", version.version)
        data = self.store.blobs.read(key)
        return (
            version if data is None else version.model_copy(update={"tags": version.tags | self._read(TAGS, key, data)})
        )

    def _documents(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        keys: builtins.list[str] = sorted(key for key in self.store.blobs.keys(prefix) if _number(key))
        return ((key, data) for key in keys if (data := self.store.blobs.read(key)) is not None)

    def _read(self, reader: Callable[[bytes], T], key: str, data: bytes) -> T:
        """Return what a document says.

        Raises:
            Refused: It cannot be read: what is champion is nothing to guess.
        """
        try:
            return reader(data)
        except OtherFormat as other:
            raise other.at(f"{self.store.uri}/{key}") from None
        except ValidationError as error:
            is_version = "/versions/" in key
            what = "the version is then registered anew" if is_version else "the registry then goes on without it"
            also = ", with the moves under aliases/ that lead to it" if is_version else ""
            raise refuse(
                f"the registry's {self.store.uri}/{key} cannot be read",
                expected="a document as the registry writes it",
                got=f"{len(data)} bytes: {error.errors()[0]['msg']}",
                fix=f"restore it from a backup, or delete it{also}: {what}",
            ) from None


def _key(name: str, folder: str, number: str) -> str:
    return f"registry/{name}/{folder}/{int(number):08d}.json"


def _number(key: str) -> str:
    """Return the number in a document's name; empty where it is none of ours."""
    number = key.rpartition("/")[2].removesuffix(".json").lstrip("0")
    return number if NUMBER.fullmatch(number) else ""
