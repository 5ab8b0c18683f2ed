"""Folders and files for their owner alone, also where they lay there before with other modes.

    close(folder) ──► no bit for group or others on it, nor on anything in it

A new file is private because every process of the stack has the umask 077; this is for those that were there before,
and for programs that set a mode themselves.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

UMASK = 0o077
OTHERS = 0o077
"""The bits of group and others."""


def private_folder(path: Path) -> Path:
    """Make a folder that its owner alone can enter, or make it so, and return it."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    _close_one(path)
    return path


def close(path: Path) -> None:
    """Take every right of group and others from a file, or from a folder and all in it. Links are not followed."""
    if path.is_symlink() or not path.exists():
        return
    _close_one(path)
    for folder, folders, files in os.walk(path):
        for name in (*folders, *files):
            _close_one(Path(folder, name))


def _close_one(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):  # removed at this moment
        mode = path.lstat().st_mode
        if mode & OTHERS and not stat.S_ISLNK(mode):
            path.chmod(stat.S_IMODE(mode) & ~OTHERS)
