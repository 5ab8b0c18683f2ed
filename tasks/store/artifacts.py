"""The store: immutable artifacts under their digest, and small documents under names.

    put ──► artifacts/<sha256> ──► ArtifactRef ──► read, digest checked
                                                    └► damaged: moved to damaged/<sha256>.<when>, and `Damaged`

A read that does not hash to its reference is never returned. What is damaged is set aside, so that it counts as lost:
its maker is no hit any more, and `tasks/running/execute.py` has it made again.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from featherline.tasks.contracts.base import Contract, digest
from featherline.tasks.contracts.references import ArrayRef, ArtifactRef
from featherline.tasks.contracts.refusal import Refused, refuse
from featherline.tasks.contracts.request import Variable
from featherline.tasks.contracts.stored import OtherFormat, Stored
from featherline.tasks.store.blobs import LARGE, Blobs, open_blobs
from featherline.tasks.store.damage import Damage, Damaged
from featherline.tasks.store.local_cache import ArtifactCache, CachedS3Blobs
from featherline.tasks.store.mentions import DOCUMENTS, named_in, references

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from featherline.tasks.store.array_rows import ArrayRows

R = TypeVar("R", bound=ArtifactRef)
C = TypeVar("C", bound=Contract)


class Store:
    """Artifacts and documents over a folder or S3."""

    def __init__(self, blobs: Blobs) -> None:
        """Use these blobs."""
        self.blobs = blobs
        self.uri = blobs.uri
        self._damage = Damage(blobs)
        self._recorders: list[set[str]] = []

    @contextmanager
    def recording(self) -> Iterator[set[str]]:
        """Give the digests of what is stored while the block runs, but for what is stored in blocks inside of it."""
        made: set[str] = set()
        self._recorders.append(made)
        try:
            yield made
        finally:
            self._recorders.pop()

    def put_bytes(self, data: bytes, ref: type[R]) -> R:
        """Store `data` and return its reference. Bytes that are there already, undamaged, are not written again."""
        sha256 = digest(data)
        if not self._damage.is_whole_and_unmarked(sha256, len(data)):
            self.blobs.replace(f"artifacts/{sha256}", data)
        return self._stored(sha256, len(data), ref)

    def put_file(self, path: Path, ref: type[R]) -> R:
        """Store a file of any size and return its reference."""
        size = path.stat().st_size
        if size < LARGE:
            return self.put_bytes(path.read_bytes(), ref)
        sha256 = _digest_file(path)
        if not self._damage.is_whole_and_unmarked(sha256, size):
            self.blobs.upload(f"artifacts/{sha256}", path)
        return self._stored(sha256, size, ref)

    def put(self, contract: Contract, ref: type[R]) -> R:
        """Store a contract in its canonical form."""
        return self.put_bytes(contract.to_json(), ref)

    def put_array(self, array: NDArray[Any]) -> ArrayRef:
        """Store an array of numbers as `.npy`."""
        import numpy as np  # noqa: PLC0415 - 0.1 s that a hit does not need

        buffer = io.BytesIO()
        np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
        return self.put_bytes(buffer.getvalue(), ArrayRef)

    def read_bytes(self, ref: ArtifactRef) -> bytes:
        """Return an artifact.

        Raises:
            Damaged: It is gone, or does not hash to its reference.
        """
        key = f"artifacts/{ref.sha256}"
        with self._damage.watched(ref):
            data = self.blobs.read(key)
        if data is not None and digest(data) != ref.sha256 and self.is_whole(ref):  # it was read wrong, once
            data = self.blobs.read(key)
        if data is None or digest(data) != ref.sha256:
            raise self._damage.set_aside(ref, None if data is None else (len(data), digest(data)))
        return data

    def read(self, ref: ArtifactRef, contract: type[C]) -> C:
        """Return a contract that `put` stored. Raises `Damaged` as `read_bytes` does.

        Raises:
            Refused: It is whole, and no such contract: another version wrote it, or who can write the store.
        """
        data = self.read_bytes(ref)
        try:
            return contract.from_json(data) if issubclass(contract, Stored) else contract.model_validate_json(data)
        except OtherFormat as other:
            raise other.at(f"{self.uri}/artifacts/{ref.sha256}") from None
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise not_of_this_kind(
                ref, self.uri, f"a {contract.__name__} of this version", f"{place}: {first['msg']}"
            ) from None

    def read_array(self, ref: ArrayRef) -> NDArray[Any]:
        """Return an array that `put_array` stored. Raises `Damaged` as `read_bytes` does.

        Raises:
            Refused: It is whole, and no array, or one that says it is larger than it is.
        """
        from featherline.tasks.store.array_file import read_npy  # noqa: PLC0415 - NumPy, the same

        data = self.read_bytes(ref)
        try:
            return read_npy(data)
        except ValueError as error:
            raise not_of_this_kind(ref, self.uri, "numbers as `.npy`", str(error)) from None

    def opened_array(self, ref: ArrayRef) -> ArrayRows:
        """Open an array to read rows of it; the caller closes it. Raises `Damaged` as `open` does.

        Raises:
            Refused: It is whole, and no array that lies row by row.
        """
        from featherline.tasks.store.array_rows import ArrayRows  # noqa: PLC0415 - NumPy, the same

        with ExitStack() as until_it_is_seen:
            file = until_it_is_seen.enter_context(self.open(ref))
            try:
                rows = ArrayRows(file)
            except ValueError as error:
                raise not_of_this_kind(ref, self.uri, "numbers as `.npy`", str(error)) from None
            until_it_is_seen.pop_all()
        return rows

    @contextmanager
    def fetched(self, ref: ArtifactRef, suffix: str = "") -> Iterator[Path]:
        """Give an artifact as a file of this machine, for as long as the block runs. Raises `Damaged`."""
        with tempfile.TemporaryDirectory(prefix="featherline-") as folder:
            path = Path(folder, f"artifact{suffix}")
            key = f"artifacts/{ref.sha256}"
            with self._damage.watched(ref):
                there = self.blobs.download(key, path)
            if there and _digest_file(path) != ref.sha256 and self.is_whole(ref):  # it was read wrong, once
                there = self.blobs.download(key, path)
            if not there or _digest_file(path) != ref.sha256:
                raise self._damage.set_aside(ref, (path.stat().st_size, _digest_file(path)) if there else None)
            yield path

    def open(self, ref: ArtifactRef) -> FileIO:
        """Open an artifact as a file of this machine, its digest checked once, now. The caller closes it.

        What becomes of the store or of the machine's cache meanwhile changes nothing of what is read.

        Raises:
            Damaged: It is gone, or does not hash to its reference.
        """
        key = f"artifacts/{ref.sha256}"
        with self._damage.watched(ref):
            file = self.blobs.open(key)
        found = _digest_open(file)
        if file is not None and found != ref.sha256 and self.is_whole(ref):  # it was read wrong, once
            file.close()
            file = self.blobs.open(key)
            found = _digest_open(file)
        if file is None or found is None:
            raise self._damage.set_aside(ref, None)
        if found != ref.sha256:
            with file:
                raise self._damage.set_aside(ref, (os.fstat(file.fileno()).st_size, found))
        return file

    def has(self, ref: ArtifactRef) -> bool:
        """Return whether the artifact is there, at its full size (its digest is checked when it is read)."""
        return self.blobs.size(f"artifacts/{ref.sha256}") == ref.bytes

    def is_whole(self, ref: ArtifactRef) -> bool:
        """Return whether the artifact lies in the store itself as it should, by its digest."""
        return self._damage.is_whole(ref.sha256)

    def lost(self, value: object) -> Iterator[ArtifactRef]:
        """Yield what is gone of all that a value refers to, also by way of documents in the store."""
        seen: set[str] = set()
        waiting = list(references(value))
        unreadable = self._damage.unreadable()
        while waiting:
            ref = waiting.pop()
            if ref.sha256 in seen:
                continue
            seen.add(ref.sha256)
            if ref.sha256 in unreadable or not self.has(ref):
                yield ref
            elif ref.kind in DOCUMENTS:
                try:
                    data = self.read_bytes(ref)
                except Damaged:
                    yield ref
                    continue
                with suppress(ValueError, RecursionError):  # whole, and no document of ours
                    waiting += named_in(json.loads(data))

    def _stored(self, sha256: str, size: int, ref: type[R]) -> R:
        if self._recorders:
            self._recorders[-1].add(sha256)
        return ref.model_validate({"uri": f"{self.uri}/artifacts/{sha256}", "sha256": sha256, "bytes": size})


def open_store(uri: str) -> Store:
    """Open the store in a folder, or at `s3://bucket/prefix` by way of the machine's cache where it has one."""
    folder = os.environ.get(Variable.CACHE)
    if folder and uri.startswith("s3://"):
        return Store(CachedS3Blobs(uri, ArtifactCache(Path(folder))))
    return Store(open_blobs(uri))


def not_of_this_kind(ref: ArtifactRef, uri: str, expected: str, got: str) -> Refused:
    """Return the refusal of an artifact that is whole, and does not hold what its reference says."""
    return refuse(
        f"the artifact {uri}/artifacts/{ref.sha256} is no {ref.kind}",
        expected=expected,
        got=got,
        fix="run with ignore_cache: true, which makes all of it anew; find out who wrote it if no other version did",
    )


def _digest_open(file: FileIO | None) -> str | None:
    """Return the digest of a whole file, wherever it stands."""
    if file is None:
        return None
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()


def _digest_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
