"""Where bytes lie: a folder or S3, behind a few operations that every S3-compatible server has.

Keys are relative, with slashes. A write is whole or absent. `create` is the only write that may lose a race. A server
that is away is waited for (`tasks/store/patience.py`); a disk that is full is a refusal (`tasks/store/disk.py`).

    artifacts/<sha256>          immutable, named by what it holds
    results/<step>/<key>.json   written last, so that what exists is complete
"""

from __future__ import annotations

from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import Protocol

from featherline.tasks.store.blob_folder import FolderBlobs
from featherline.tasks.store.blob_keys import LARGE
from featherline.tasks.store.blob_s3 import S3Blobs

__all__ = ["LARGE", "Blobs", "FolderBlobs", "S3Blobs", "open_blobs"]


class Blobs(Protocol):
    """Bytes under keys. All methods raise `OutOfReach`, and `Unavailable` where a later try may find the store."""

    uri: str

    def read(self, key: str) -> bytes | None:
        """Return what lies under `key`, or None."""

    def create(self, key: str, data: bytes) -> bool:
        """Write `data` unless `key` exists. Returns whether it was written."""

    def replace(self, key: str, data: bytes) -> None:
        """Write `data`, whatever was there."""

    def upload(self, key: str, path: Path) -> None:
        """Write a file, whatever was there; its size does not matter for memory."""

    def download(self, key: str, path: Path) -> bool:
        """Write what lies under `key` to `path`. Returns False where there is nothing."""

    def open(self, key: str) -> FileIO | None:
        """Open what lies under `key` as a file of this machine, or give None. It can be read until it is closed."""

    def sha256(self, key: str) -> str | None:
        """Return the digest of what lies under `key` in the store itself, or None."""

    def size(self, key: str) -> int | None:
        """Return the bytes under `key`, or None."""

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that start with `prefix`, sorted."""

    def delete(self, key: str) -> None:
        """Remove `key`, if it is there."""

    def move(self, key: str, to: str) -> bool:
        """Put what lies under `key` under `to`. Returns False where there is nothing."""

    def sweep(self) -> None:
        """Remove what killed writers left."""


def open_blobs(uri: str) -> Blobs:
    """Open a folder path or `s3://bucket/prefix`."""
    return S3Blobs(uri) if uri.startswith("s3://") else FolderBlobs(Path(uri))
