"""Commands that would fight over the same files take turns, and say whom they wait for.

    up, down ──► the folder var/, locked ──► one at a time; the second says who is before it, and waits
    demo     ──► var/demo, locked        ──► one at a time; the second is refused
    run      ──► var/runs, shared        ──► any number; a demo that ends leaves them the stack
    data     ──► downloads, locked       ──► one at a time; the second is refused

The system drops a lock with its process, however that ends, so none is ever left behind. Who holds it stands in
/proc/locks.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from featherline.places import Places
from featherline.stack import processes
from featherline.stack.private import close_var
from featherline.tasks.contracts.refusal import refuse


@contextmanager
def alone(places: Places, say: Callable[[str], None]) -> Iterator[None]:
    """Let one command at a time change the stack; one that has to wait says for whom."""
    close_var(places)
    with _opened(places.var) as folder:
        if not _taken(folder, fcntl.LOCK_EX):
            say(f"waiting for {holders(folder)}")
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield


@contextmanager
def the_only(folder: Path, what: str, elsewhere: str) -> Iterator[None]:
    """Let one command at a time work in a folder.

    Args:
        folder: Made where absent.
        what: The command, for the message to another one.
        elsewhere: How a person gives the other one a folder of its own.

    Raises:
        Refused: Another one works there.
    """
    with _opened(folder) as handle:
        if not _taken(handle, fcntl.LOCK_EX):
            raise refuse(
                f"another {what} is under way",
                expected=f"one at a time in {folder}",
                got=holders(handle),
                fix=f"wait until it has ended, or {elsewhere}",
            )
        yield


@contextmanager
def in_turn(folder: Path) -> Iterator[None]:
    """Let one at a time do something short in a folder; the others wait without a word."""
    with _opened(folder) as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def using(folder: Path) -> Iterator[None]:
    """Tell others, as long as this lasts, that this command uses what belongs to a folder."""
    with _opened(folder) as handle:
        fcntl.flock(handle, fcntl.LOCK_SH)
        yield


@contextmanager
def unused(folder: Path) -> Iterator[str]:
    """Give which commands use a folder now; where none does, whoever wants to has to wait as long as this lasts."""
    with _opened(folder) as handle:
        yield "" if _taken(handle, fcntl.LOCK_EX) else holders(handle)


def holders(handle: int) -> str:
    """Return who holds the lock of an open file: commands, process ids, and since when they run."""
    inode = os.fstat(handle).st_ino
    found = []
    for line in Path("/proc/locks").read_text().splitlines():
        fields = line.split()
        if fields[1] == "->" or fields[1] != "FLOCK" or int(fields[5].rpartition(":")[2]) != inode:
            continue
        pid = int(fields[4])
        if pid not in {0, os.getpid()}:
            found.append(_named(pid))
    return ", ".join(dict.fromkeys(found)) or "another command"


def _named(pid: int) -> str:
    started = processes.identify("", pid)
    words = processes.command_of(pid).split()
    called = next((number for number, word in enumerate(words) if Path(word).name == "featherline"), 0)
    command = " ".join([Path(words[called]).name, *words[called + 1 :]]) if words else "a command"
    since = time.strftime("%H:%M:%S", time.localtime(started.started_s))
    return f"{command} (process {pid}, since {since})"


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        yield handle
    finally:
        os.close(handle)


def _taken(handle: int, kind: int) -> bool:
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
        return True
    return False
