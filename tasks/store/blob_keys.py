"""What a key is, and what no store takes as one."""

from __future__ import annotations

from pathlib import PurePosixPath

LARGE = 8 * 2**20
"""Bytes from which an upload goes in parts."""


def inside(key: str) -> str:
    """Return a key that stays in its store: servers that keep objects in folders follow `..` as a file system does."""
    path = PurePosixPath(key)
    if path.is_absolute() or ".." in path.parts or "\0" in key:
        raise ValueError(f"a key stays inside the store, got {key!r}")
    return key
