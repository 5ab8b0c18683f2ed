"""What a disk says no to, in words: full, over its quota, read-only, forbidden.

OSError ──► which place, how much was wanted, how much is free ──► refusal
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from featherline.tasks.contracts.refusal import OutOfReach, Problem

FULL = {errno.ENOSPC: "no space left", errno.EDQUOT: "the quota is used up", errno.EFBIG: "the limit of a file's size"}
FORBIDDEN = {errno.EROFS: "a read-only file system", errno.EACCES: "no permission", errno.EPERM: "no permission"}
WORDS = re.compile(
    r"no space left|disk (is )?full|disk quota|quota ?exceeded|not enough (free |disk )?space|insufficient ?storage"
    r"|no usable temporary directory",
    re.IGNORECASE,
)
"""How programs that give no number say that a disk is full."""


@contextmanager
def writing(place: Path, needed: int | None = None) -> Iterator[None]:
    """Turn what a disk refuses, while the block writes to `place`, into a refusal.

    Args:
        place: The folder or the file that is written to.
        needed: The bytes that are to be written, where they are known.

    Raises:
        OutOfReach: The disk is full, read-only or forbidden.
    """
    try:
        yield
    except OSError as error:
        refusal = explained(error, place, needed)
        if refusal is None:
            raise
        raise refusal from error


def explained(error: OSError, place: Path, needed: int | None = None) -> OutOfReach | None:
    """Return the refusal for what a disk refused; None where something else went wrong."""
    if error.errno in FULL:
        return full(place, FULL[error.errno], needed)
    if error.errno in FORBIDDEN:
        return OutOfReach(
            Problem(
                f"{place} cannot be written or read",
                f"a place that {_who()} may read and write",
                f"{FORBIDDEN[error.errno]}: {error.filename or place}",
                "give the place to that user, or mount it for writing; what is finished is not done again",
            )
        )
    return None


def full(place: Path, reason: str, needed: int | None = None) -> OutOfReach:
    """Return the refusal for a disk that is full."""
    home = _mount(place)
    try:
        usage = shutil.disk_usage(home)
        free = f"{usage.free} bytes free of {usage.total}"
    except OSError:
        free = "nobody knows how much is free"
    wanted = f"{needed} bytes free for it" if needed is not None else "room for what is written"
    return OutOfReach(
        Problem(
            f"{place} cannot be written: its disk is full",
            f"{wanted} on the disk of {home}",
            f"{free} ({reason})",
            f"free space on the disk of {home}, or name a place on another disk; what is finished is not done again",
        )
    )


def in_chain(error: BaseException) -> OutOfReach | None:
    """Return the refusal for a full or forbidden disk that lies behind an exception of whatever library."""
    for cause in causes(error):
        if isinstance(cause, OSError) and cause.errno in FULL | FORBIDDEN:
            named = isinstance(cause.filename, str | bytes | os.PathLike)
            if named or cause.errno in FULL:
                return explained(cause, Path(os.fsdecode(cause.filename)) if named else _temporary())
        if WORDS.search(str(cause)) and not isinstance(cause, OutOfReach):
            return full(_temporary(), " ".join(str(cause).split())[:200])
    return None


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and what lies behind it, the outermost first."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__


def _temporary() -> Path:
    import tempfile  # noqa: PLC0415 - a failure alone asks

    try:
        return Path(tempfile.gettempdir())
    except OSError:  # none can be written to
        return Path(os.environ.get("TMPDIR", "/tmp"))  # noqa: S108 - named, not used


def _mount(place: Path) -> Path:
    """Return the nearest folder of `place` that is there."""
    folder = place.absolute()
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    return folder


def _who() -> str:
    return f"the user {os.getuid()}"
