"""Bytes in a folder of this machine.

    a/.part-x, locked while it is written ──► a/key

The lock is the kernel's, which gives it back when its holder dies: a part that can be locked was left by a killed
writer, and goes. No clock is asked, so that a wrong one removes nothing.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader, FileIO
from pathlib import Path
from typing import IO

from featherline.tasks.store.blob_keys import inside
from featherline.tasks.store.disk import explained, writing

PART = ".part-"
CHUNK_BYTES = 2**20


class FolderBlobs:
    """Bytes in a folder of this machine."""

    def __init__(self, folder: Path) -> None:
        """Use `folder`, made at the first write."""
        self.folder = folder.resolve()
        self.uri = str(self.folder)
        self._swept: set[Path] = set()

    def read(self, key: str) -> bytes | None:
        """Return what lies under `key`, or None."""
        path = self._path(key)
        try:
            with writing(path), _opened(path) as file:
                return file.read()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def create(self, key: str, data: bytes) -> bool:
        """Write `data` unless `key` exists: a hard link to a finished file is atomic, also against other processes."""
        path = self._path(key)
        with self._part(path, len(data)) as (part, out):
            _write(out, data)
            try:
                os.link(part, path)
            except FileExistsError:
                return False
        return True

    def replace(self, key: str, data: bytes) -> None:
        """Write `data`, whatever was there."""
        path = self._path(key)
        with self._part(path, len(data)) as (part, out):
            _write(out, data)
            part.replace(path)

    def upload(self, key: str, path: Path) -> None:
        """Copy the file at `path`."""
        target = self._path(key)
        with path.open("rb") as source, self._part(target, path.stat().st_size) as (part, out):
            while chunk := source.read(CHUNK_BYTES):
                out.write(chunk)
            _write(out, b"")
            part.replace(target)

    def download(self, key: str, path: Path) -> bool:
        """Copy what lies under `key` to `path`."""
        try:
            with writing(self._path(key)):
                source = _opened(self._path(key))
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return False
        with source, writing(path, os.fstat(source.fileno()).st_size), path.open("wb") as out:
            while chunk := source.read(CHUNK_BYTES):
                out.write(chunk)
        return True

    def open(self, key: str) -> FileIO | None:
        """Open what lies under `key`, or give None. What is read is what lay there, whoever removes it later."""
        try:
            with writing(self._path(key)), _opened(self._path(key)) as file:
                return FileIO(os.dup(file.fileno()))
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def sha256(self, key: str) -> str | None:
        """Return the digest of what lies under `key`, or None."""
        try:
            with writing(self._path(key)), _opened(self._path(key)) as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def size(self, key: str) -> int | None:
        """Return the bytes under `key`, or None."""
        path = self._path(key)
        with writing(path):
            return path.stat().st_size if path.is_file() else None

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that start with `prefix`, sorted; unfinished files are no keys."""
        start = self._path(prefix.rpartition("/")[0]) if "/" in prefix else self.folder
        keys = []
        with writing(start):
            for folder, _, files in os.walk(start, onerror=_unless_absent):
                names = (Path(folder, file) for file in files if not file.startswith(PART))
                keys += [path.relative_to(self.folder).as_posix() for path in names if path.is_file()]
        yield from sorted(name for name in keys if name.startswith(prefix))

    def delete(self, key: str) -> None:
        """Remove `key`, if it is there."""
        path = self._path(key)
        with writing(path):
            path.unlink(missing_ok=True)

    def move(self, key: str, to: str) -> bool:
        """Put what lies under `key` under `to`. Returns False where there is nothing."""
        target = self._path(to)
        with writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._path(key).replace(target)
            except FileNotFoundError:
                return False
        return True

    def sweep(self) -> None:
        """Remove what killed writers left, wherever it lies."""
        for folder, _, names in os.walk(self.folder):
            if any(name.startswith(PART) for name in names):
                _sweep(Path(folder))

    def _path(self, key: str) -> Path:
        return self.folder / inside(key)

    @contextmanager
    def _part(self, path: Path, size: int) -> Iterator[tuple[Path, IO[bytes]]]:
        """Give a new file beside `path`, locked; it is gone after the block unless it was moved."""
        folder = path.parent
        with writing(path, size):
            folder.mkdir(parents=True, exist_ok=True)
            if folder not in self._swept:
                self._swept.add(folder)
                _sweep(folder)
            part, out = _open_part(folder)
        failed: OSError | None = None
        try:
            with out:
                yield part, out
        except OSError as error:
            failed = error
        finally:
            part.unlink(missing_ok=True)
        if failed is not None:  # told now that the part is gone: what is free is what the next one finds
            raise explained(failed, path, size) or failed


def _unless_absent(error: OSError) -> None:
    """Let a folder that nobody may read be told: an empty ledger would open a gate."""
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise error


def _opened(path: Path) -> BufferedReader:
    """Open a file to be read. What is none, such as a pipe that nobody writes to, is not waited for.

    Raises:
        FileNotFoundError: There is none.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ENXIO:  # a socket
            raise FileNotFoundError(errno.ENOENT, "no file", str(path)) from None
        raise
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    raise FileNotFoundError(errno.ENOENT, "no file", str(path))


def _open_part(folder: Path) -> tuple[Path, IO[bytes]]:
    while True:
        descriptor, name = tempfile.mkstemp(dir=folder, prefix=PART)
        with suppress(OSError):  # a file system without locks: then nobody sweeps there either
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return Path(name), os.fdopen(descriptor, "wb")
        os.close(descriptor)  # a sweeper was faster than our lock


def _sweep(folder: Path) -> None:
    """Remove the parts of a folder that nobody holds."""
    with suppress(OSError):
        parts = [entry.path for entry in os.scandir(folder) if entry.name.startswith(PART)]
        for part in parts:
            with suppress(OSError):
                descriptor = os.open(part, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    Path(part).unlink()
                finally:
                    os.close(descriptor)


def _write(out: IO[bytes], data: bytes) -> None:
    out.write(data)
    out.flush()
    os.fsync(out.fileno())
