"""Processes that outlive the command that started them: found again later, and ended with all that they started.

    start ──► Process(pid, started, boot) ──► is_alive ──► end: asked, asked again, killed

A process id alone says little: ids are given anew. A process is ours when its start time fits too, or when it carries
the stack's mark in its environment, which children inherit. Nothing else is ever signalled.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from featherline.stack.private import UMASK, private_folder
from featherline.tasks.contracts.base import Contract

MARK = "FEATHERLINE_STACK"
"""The variable that marks every process of a stack with the stack's folder."""


class Process(Contract):
    """A server, as `stack.json` remembers it. It leads a session of its own."""

    name: str
    pid: int
    started: int
    """Clock ticks from the machine's start to the process's: with the id, its identity."""
    boot: str
    """Of the machine: the same id and ticks after a reboot are another process."""

    def is_alive(self) -> bool:
        """Return whether this very process runs, and is more than a zombie."""
        return self.boot == boot_id() and started_at(self.pid) == self.started

    def runs(self) -> bool:
        """Return whether this very process lives and is not stopped."""
        return self.is_alive() and not is_stopped(self.pid)

    @property
    def started_s(self) -> float:
        """Return when it started, in seconds of the clock that `time.time` reads."""
        return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + self.started / os.sysconf("SC_CLK_TCK")


def start(
    name: str,
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str],
    folder: Path,
    log: Path,
    user: str | None = None,
) -> Process:
    """Start a server in a session of its own, its words appended to `log`.

    Args:
        name: What a person calls it.
        command: The program and its arguments.
        environment: All of it; nothing is inherited.
        folder: Its working directory.
        log: Made, with its folder, where absent.
        user: Whom it runs as, where not as this one; only root may say so.
    """
    return identify(name, begin(command, environment=environment, folder=folder, log=log, user=user).pid)


def begin(
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str],
    folder: Path,
    log: Path,
    user: str | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program as `start` does, for who waits for its end."""
    private_folder(log.parent)
    private_folder(folder)
    with open(log, "ab", opener=_private) as out:
        return subprocess.Popen(
            [str(word) for word in command],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=UMASK,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
        )


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def identify(name: str, pid: int) -> Process:
    """Return the identity of a process that was just started."""
    return Process(name=name, pid=pid, started=started_at(pid) or 0, boot=boot_id())


def listen_to_interrupts() -> None:
    """Make children hear SIGINT, also where a shell started this program in the background and had it ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def boot_id() -> str:
    """Return what tells this start of the machine from others."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def started_at(pid: int) -> int | None:
    """Return when a process started, in clock ticks since the machine did; None where none runs under this id."""
    fields = _stat(pid)
    return None if fields is None or fields[0] in "ZX" else int(fields[19])


def is_stopped(pid: int) -> bool:
    """Return whether a process lives and does nothing, as after SIGSTOP."""
    fields = _stat(pid)
    return fields is not None and fields[0] in "Tt"


def command_of(pid: int) -> str:
    """Return a process's command line; empty where it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def members(leader: Process, pids: Sequence[int]) -> list[int]:
    """Return which of the processes are in the session that a server leads, or led before it died."""
    return [pid for pid in pids if leader.boot == boot_id() and _session(pid) == leader.pid]


def marked(mark: str, leaders: Sequence[Process], folder: Path) -> list[int]:
    """Return the ids of all live processes of a stack, this one left out.

    Args:
        mark: The value of `MARK`.
        leaders: The servers, whose sessions hold those that overwrote their environment with a title.
        folder: The stack's: such a process counts when it works there.
    """
    sessions = {leader.pid for leader in leaders if leader.boot == boot_id()}
    found = []
    for pid in _own_processes():
        if pid == os.getpid() or started_at(pid) is None:
            continue
        in_session = _session(pid) in sessions and _works_in(pid, folder)
        if in_session or f"{MARK}={mark}".encode() in _environment(pid):
            found.append(pid)
    return found


def send(pids: Sequence[int], number: signal.Signals) -> None:
    """Signal processes; one that is gone meanwhile is left out."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def wait_for_end(alive: Sequence[int], seconds: float) -> bool:
    """Wait until none of the processes lives, reaping those that are our children. Returns whether that was reached."""
    deadline = time.monotonic() + seconds
    while True:
        for pid in alive:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        if all(started_at(pid) is None for pid in alive):
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)


def _own_processes() -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if os.getuid() in {0, entry.stat().st_uid}:  # root's stack has a server that does not run as root
                    yield int(entry.name)


def _stat(pid: int) -> list[str] | None:
    """Return the fields of /proc/<pid>/stat from the third on: the second, the name, may hold anything."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def _session(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[3]) if fields else 0


def _works_in(pid: int, folder: Path) -> bool:
    try:
        return Path(f"/proc/{pid}/cwd").readlink().is_relative_to(folder)
    except OSError:
        return False


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []
