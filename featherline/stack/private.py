"""Folders and files for their owner alone, also where they lay there before with other modes.

    close_var(places) ──► close(folder) ──► no bit for group or others on it, nor on anything in it

A new file is private because every process of the stack has the umask 077; this is for those that were there before,
and for programs that set a mode themselves.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import stat
from pathlib import Path

from featherline.places import Places

UMASK = 0o077
OTHERS = 0o077
"""The bits of group and others."""
OWN = frozenset(
    (
        *(
            "airflow",
            "cache",
            "demo",
            "log",
            "mlflow",
            "postgres",
            "redis",
            "runs",
            "s3",
            "secrets",
            "store",
            "studies",
        ),
        *("ports.json", "stack.json"),
    )
)
"""All that a stack puts into its folder."""
POSTGRES_USER = "postgres"


def private_folder(path: Path) -> Path:
    """Make a folder that its owner alone can enter, or make it so, and return it."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    _close_one(path)
    return path


def close_var(places: Places) -> None:
    """Close a stack's folder, made where absent, and all that a stack puts there.

    A folder that holds something else too is not the stack's alone, and may be one that others need: what is in it is
    closed, and it itself stays as it is. Where PostgreSQL runs as its own user, that user's group may pass through.
    """
    var = places.var
    made = not var.exists()
    var.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = {entry.name for entry in os.scandir(var) if not entry.name.startswith(".")}
    alone = made or found <= OWN or var == places.root / "var"
    if alone and os.geteuid() == 0 and "postgres" in found:
        os.chown(var, -1, pwd.getpwnam(POSTGRES_USER).pw_gid)
        var.chmod(0o710)
    elif alone:
        _close_one(var)
    for name in sorted(found if alone else found & OWN):
        close(var / name)


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
