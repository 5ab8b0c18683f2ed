"""Writing a file whole or not at all, also where two write it at once: a reader meets the old one or the new one.

content ──► a file of the writer's own beside it ──► renamed onto the name
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_whole(path: Path, data: bytes, *, once: bool = False) -> None:
    """Write a file that was never readable by others, with its folder where there is none.

    Args:
        path: Of the file.
        data: All of it.
        once: Leave a file that is there meanwhile as it is: the first of several writers wins.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-", suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        if once:
            _link(part, path)
        else:
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _link(part: Path, path: Path) -> None:
    try:
        path.hardlink_to(part)
    except FileExistsError:
        return
