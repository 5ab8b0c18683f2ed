"""The store: immutable artifacts under their digest, and small documents under names.

    put ──► artifacts/<sha256> ──► ArtifactRef ──► read, digest checked

A read that does not hash to its reference raises `Damaged`; it is never returned.
"""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel

from tasks.artifact_cache import ArtifactCache, CachedS3Blobs
from tasks.blobs import LARGE, Blobs, open_blobs
from tasks.contracts.base import Contract, digest
from tasks.contracts.references import ArrayRef, ArtifactRef
from tasks.contracts.request import Variable

if TYPE_CHECKING:
    from numpy.typing import NDArray

R = TypeVar("R", bound=ArtifactRef)
C = TypeVar("C", bound=Contract)


class Damaged(Exception):  # noqa: N818 - what the store is, not what went wrong in the program
    """An artifact is not what its reference says. Raised before anything of it is used."""


class Store:
    """Artifacts and documents over a folder or S3."""

    def __init__(self, blobs: Blobs) -> None:
        """Use these blobs."""
        self.blobs = blobs
        self.uri = blobs.uri

    def put_bytes(self, data: bytes, ref: type[R]) -> R:
        """Store `data` and return its reference. Bytes that are there already are not written again."""
        key = f"artifacts/{digest(data)}"
        if self.blobs.size(key) != len(data):
            self.blobs.replace(key, data)
        return ref.model_validate({"uri": f"{self.uri}/{key}", "sha256": digest(data), "bytes": len(data)})

    def put_file(self, path: Path, ref: type[R]) -> R:
        """Store a file of any size and return its reference."""
        size = path.stat().st_size
        if size < LARGE:
            return self.put_bytes(path.read_bytes(), ref)
        key = f"artifacts/{_digest_file(path)}"
        if self.blobs.size(key) != size:
            self.blobs.upload(key, path)
        return ref.model_validate({"uri": f"{self.uri}/{key}", "sha256": key.removeprefix("artifacts/"), "bytes": size})

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
        data = self.blobs.read(f"artifacts/{ref.sha256}")
        if data is None or digest(data) != ref.sha256:
            raise Damaged(_damage(self.uri, ref, data))
        return data

    def read(self, ref: ArtifactRef, contract: type[C]) -> C:
        """Return a contract that `put` stored. Raises `Damaged` as `read_bytes` does."""
        return contract.model_validate_json(self.read_bytes(ref))

    def read_array(self, ref: ArrayRef) -> NDArray[Any]:
        """Return an array that `put_array` stored. Raises `Damaged` as `read_bytes` does."""
        import numpy as np  # noqa: PLC0415 - the same

        array: NDArray[Any] = np.load(io.BytesIO(self.read_bytes(ref)), allow_pickle=False)
        return array

    @contextmanager
    def fetched(self, ref: ArtifactRef, suffix: str = "") -> Iterator[Path]:
        """Give an artifact as a file of this machine, for as long as the block runs. Raises `Damaged`."""
        with tempfile.TemporaryDirectory(prefix="featherline-") as folder:
            path = Path(folder, f"artifact{suffix}")
            if not self.blobs.download(f"artifacts/{ref.sha256}", path):
                raise Damaged(_damage(self.uri, ref, None))
            if _digest_file(path) != ref.sha256:
                raise Damaged(_damage(self.uri, ref, path.read_bytes()))
            yield path

    def has(self, ref: ArtifactRef) -> bool:
        """Return whether the artifact is there, at its full size (its digest is checked when it is read)."""
        return self.blobs.size(f"artifacts/{ref.sha256}") == ref.bytes


def open_store(uri: str) -> Store:
    """Open the store in a folder, or at `s3://bucket/prefix` by way of the machine's cache where it has one."""
    folder = os.environ.get(Variable.CACHE)
    if folder and uri.startswith("s3://"):
        return Store(CachedS3Blobs(uri, ArtifactCache(Path(folder))))
    return Store(open_blobs(uri))


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


def _digest_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _damage(uri: str, ref: ArtifactRef, data: bytes | None) -> str:
    got = "nothing" if data is None else f"{len(data)} bytes that hash to {digest(data)}"
    return (
        f"the store {uri} lost an artifact\n"
        f"  expected  {ref.bytes} bytes of {ref.kind} that hash to {ref.sha256}\n"
        f"  got       {got}\n"
        f"  fix       restore the object from a backup, or delete it and run again: the step that made it runs anew"
    )
