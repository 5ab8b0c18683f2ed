"""A folder of this machine in front of an S3 store, so that eight lanes do not download the data eight times.

    read artifacts/<sha256> ──► in the folder, and hashes to its name? ──► yes: from here
                                                └─► no: downloaded, checked, kept ──► from here

Steps of one machine share it, also at the same time: who wants what another is just downloading waits for that.
What was not read for the longest goes when the folder is full. It can be deleted at any time.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import TypeVar

from featherline.tasks.contracts.refusal import OutOfReach, Unavailable
from featherline.tasks.store.blob_s3 import S3Blobs
from featherline.tasks.store.disk import writing

T = TypeVar("T")

MOST_BYTES = 20 * 2**30
PART = ".part-"
"""Before the digest of what is being downloaded, by the holder of the digest's lock."""
NAME = re.compile(rf"{re.escape(PART)}[0-9a-f]{{64}}")
ABANDONED_S = 24 * 3600
PREFIX = "artifacts/"
"""Of the keys whose names say what lies under them; nothing else is ever taken from the folder."""
Download = Callable[[Path], bool]


class ArtifactCache:
    """Files under their SHA-256."""

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES) -> None:
        """Use `folder`, made now."""
        self.folder = folder
        self.most_bytes = most_bytes
        (folder / "locks").mkdir(parents=True, exist_ok=True)

    @contextmanager
    def holding(self, sha256: str, download: Download) -> Iterator[Path | None]:
        """Give the file of this digest for as long as the block runs, downloaded where it is absent or damaged.

        Gives None where `download` found nothing. What was downloaded and does not hash to its name is given, for the
        caller to refuse, and not kept.
        """
        path = self.folder / sha256
        with self._lock(sha256):
            if path.is_file() and _digest(path) == sha256:
                os.utime(path)
                yield path
                return
            home = self.folder / f"{PART}{sha256}"
            shutil.rmtree(home, ignore_errors=True)  # of a download that was killed: nobody else may hold it
            try:
                with writing(self.folder):
                    home.mkdir()
                part = home / "artifact"
                if not download(part):
                    yield None
                    return
                if _digest(part) != sha256:
                    yield part
                    return
                part.replace(path)
            finally:
                shutil.rmtree(home, ignore_errors=True)
            yield path
        self._make_room()

    def _make_room(self) -> None:
        """Remove what was not read for the longest, and nobody reads now, until the rest fits."""
        for part in self.folder.glob(f"{PART}*"):
            if not NAME.fullmatch(part.name):  # of an earlier version, which held no lock for it
                if time.time() - part.stat().st_mtime > ABANDONED_S:
                    shutil.rmtree(part, ignore_errors=True)
                continue
            with self._lock(part.name.removeprefix(PART), wait=False) as free:
                if free:  # its download was killed
                    shutil.rmtree(part, ignore_errors=True)
        kept = [(file.stat(), file) for file in self.folder.iterdir() if file.is_file()]
        too_much = sum(state.st_size for state, _ in kept) - self.most_bytes
        for state, file in sorted(kept, key=lambda item: item[0].st_mtime):
            if too_much <= 0:
                return
            with self._lock(file.name, wait=False) as free:
                if free:
                    file.unlink(missing_ok=True)
                    too_much -= state.st_size

    @contextmanager
    def _lock(self, sha256: str, *, wait: bool = True) -> Iterator[bool]:
        """Hold the lock of a digest's first two characters. Without `wait`, give False where another holds it."""
        file = os.open(self.folder / "locks" / sha256[:2], os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield True
        except BlockingIOError:
            yield False
        finally:
            os.close(file)


class CachedS3Blobs(S3Blobs):
    """Bytes on S3, the artifacts among them by way of a folder of this machine."""

    def __init__(self, uri: str, cache: ArtifactCache) -> None:
        """Use `s3://bucket/prefix` and this cache."""
        super().__init__(uri)
        self.cache = cache

    def read(self, key: str) -> bytes | None:
        """Return what lies under `key`, or None."""
        read = super().read

        def write(path: Path) -> bool:
            data = read(key)
            if data is not None:
                with writing(path, len(data)):
                    path.write_bytes(data)
            return data is not None

        if not key.startswith(PREFIX):
            return read(key)
        return self._through(key, write, lambda found: found.read_bytes() if found else None, lambda: read(key))

    def download(self, key: str, path: Path) -> bool:
        """Write what lies under `key` to `path`. Returns False where there is nothing."""
        download = super().download

        def copied(found: Path | None) -> bool:
            if found:
                with writing(path, found.stat().st_size):
                    shutil.copyfile(found, path)
            return found is not None

        if not key.startswith(PREFIX):
            return download(key, path)
        return self._through(key, lambda part: download(key, part), copied, lambda: download(key, path))

    def open(self, key: str) -> FileIO | None:
        """Open what lies under `key`, or give None. What leaves the folder later can still be read."""
        download = super().download
        without = super().open
        if not key.startswith(PREFIX):
            return without(key)
        return self._through(
            key,
            lambda part: download(key, part),
            lambda found: FileIO(found) if found else None,
            lambda: without(key),
        )

    def _through(self, key: str, fill: Download, take: Callable[[Path | None], T], without: Callable[[], T]) -> T:
        """Take an artifact by way of the cache, and without it where its folder is full: nobody has to have a cache."""
        try:
            with self.cache.holding(key.removeprefix(PREFIX), fill) as path:
                return take(path)
        except OutOfReach as refusal:
            if isinstance(refusal, Unavailable) or not isinstance(refusal.__cause__, OSError):
                raise
            print(f"the cache {self.cache.folder} takes nothing ({refusal.problems[0].got}): read without it")
        return without()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
