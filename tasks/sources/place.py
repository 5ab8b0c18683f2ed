"""Where a source's files lie: a folder of this machine or a prefix of a bucket. Nothing is read outside of it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path, PurePosixPath
from typing import Protocol

from tasks.blobs import S3Blobs
from tasks.contracts.refusal import Refused, examples, refuse


class Place(Protocol):
    """Files under relative names, with slashes."""

    uri: str

    def names(self) -> list[str]:
        """Return the names of all files, sorted; hidden ones are left out."""

    def read(self, name: str) -> bytes:
        """Return a small file as a whole."""

    def local(self, name: str) -> AbstractContextManager[Path]:
        """Give a file as one of this machine, for as long as the block runs."""


class FolderPlace:
    """A folder of this machine, or a single file of it."""

    def __init__(self, path: Path) -> None:
        """Use `path`. Raises `Refused` where there is nothing."""
        self.uri = str(path)
        if not path.exists():
            raise refuse(
                f"preprocess finds no source at {path}",
                expected="a folder or a file (data.source)",
                got="nothing there",
                fix="correct data.source; a relative path starts where the step runs",
            )
        self.only = path.name if path.is_file() else None
        self.folder = (path.parent if path.is_file() else path).resolve()

    def names(self) -> list[str]:
        """Return the names of all files, sorted. Raises `Refused` where a link leads out of the folder."""
        if self.only is not None:
            return [self.only]
        found: list[str] = []
        for folder, below, files in os.walk(self.folder):
            below[:] = [name for name in below if not name.startswith(".")]
            links = [name for name in below if Path(folder, name).is_symlink()]
            visible = [Path(folder, name) for name in (*files, *links) if not name.startswith(".")]
            found.extend(path.relative_to(self.folder).as_posix() for path in visible)
        escaped = [name for name in sorted(found) if not (self.folder / name).resolve().is_relative_to(self.folder)]
        if escaped:
            raise escape(self.uri, escaped)
        return sorted(name for name in found if (self.folder / name).is_file())

    def read(self, name: str) -> bytes:
        """Return a small file. Raises `Refused` where its name leads out of the folder."""
        return self._inside(name).read_bytes()

    @contextmanager
    def local(self, name: str) -> Iterator[Path]:
        """Give the file itself."""
        yield self._inside(name)

    def _inside(self, name: str) -> Path:
        path = (self.folder / name).resolve()
        if not path.is_relative_to(self.folder):
            raise escape(self.uri, [name])
        return path


class BucketPlace:
    """A prefix of a bucket. Files are fetched one at a time into a temporary folder."""

    def __init__(self, uri: str) -> None:
        """Use `s3://bucket/prefix`."""
        self.blobs = S3Blobs(uri)
        self.uri = self.blobs.uri

    def names(self) -> list[str]:
        """Return the keys below the prefix, sorted. Raises `Refused` for a key such as `../x`."""
        found = [key for key in self.blobs.keys("") if not key.endswith("/")]
        escaped = [key for key in found if leads_out(key)]
        if escaped:
            raise escape(self.uri, escaped)
        return [key for key in found if not any(part.startswith(".") for part in key.split("/"))]

    def read(self, name: str) -> bytes:
        """Return a small object. Raises `FileNotFoundError` where it is gone."""
        if leads_out(name):
            raise escape(self.uri, [name])
        data = self.blobs.read(name)
        if data is None:
            raise FileNotFoundError(f"{self.uri}/{name}")
        return data

    @contextmanager
    def local(self, name: str) -> Iterator[Path]:
        """Fetch the object; it is deleted after the block."""
        with tempfile.TemporaryDirectory(prefix="featherline-source-") as folder:
            path = Path(folder, PurePosixPath(name).name)
            if not self.blobs.download(name, path):
                raise FileNotFoundError(f"{self.uri}/{name}")
            yield path


def open_place(source: str) -> Place:
    """Open a folder, a file or `s3://bucket/prefix`."""
    return BucketPlace(source) if source.startswith("s3://") else FolderPlace(Path(source))


def leads_out(name: str) -> bool:
    """Return whether a relative name leads out of its folder."""
    path = PurePosixPath(name)
    return path.is_absolute() or ".." in path.parts


def escape(uri: str, names: list[str]) -> Refused:
    """Return the refusal of names that lead out of a source."""
    return refuse(
        f"preprocess does not leave the source {uri}",
        expected="files inside of it",
        got=examples(names),
        fix="copy the files into the source, or make data.source the folder that holds them all",
    )
