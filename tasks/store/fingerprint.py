"""The state of a source, cheaply: enough to tell that something changed, never the identity of what is in it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from featherline.tasks.contracts.base import canonical_json, digest
from featherline.tasks.store.blobs import S3Blobs


def fingerprint(source: str) -> str:
    """Return a digest of the names, sizes and times (S3: sizes and ETags) of a source's files.

    Args:
        source: `digits`, a file or folder of this machine, or `s3://bucket/prefix`. One that is absent gives "absent":
            the step itself says what is wrong with it.
    """
    if source == "digits":
        return "bundled"
    if source.startswith("s3://"):
        return digest(canonical_json(S3Blobs(source).listing()))
    path = Path(source)
    try:
        state = path.stat()
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return "absent"
    if not stat.S_ISDIR(state.st_mode):
        return digest(canonical_json([[".", state.st_size, state.st_mtime_ns]]))
    return digest(canonical_json(sorted(_files(path))))


def _files(top: Path) -> Iterator[list[str | int]]:
    """Yield the name, size and time of all that is no folder; a link is followed, and one that cannot be is named."""
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(top / folder) as entries:
                listed = list(entries)
        except OSError as error:
            yield [_text(folder), error.errno or 0, 0]
            continue
        for entry in listed:
            name = f"{folder}/{entry.name}" if folder else entry.name
            if entry.is_dir(follow_symlinks=False):
                waiting.append(name)
                yield [_text(name), -1, -1]  # an empty class folder counts
                continue
            try:
                state = entry.stat()
            except OSError as error:  # it went away just now, or is a link that leads nowhere
                yield [_text(name), error.errno or 0, 0]
            else:
                yield [_text(name), state.st_size, state.st_mtime_ns]


def _text(name: str) -> str:
    """Return a name that may hold bytes that are not UTF-8 as text that is."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
