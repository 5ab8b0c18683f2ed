"""The same work on many things at once, on the cores that a step has. What comes out is in order, whoever made it.

    things ──► [map] ──► this process, and children where the work takes long ──► results, in the order of the things

A child costs half a second, so there is none until the work has lasted a moment. This process works along: it takes a
thing whenever it would have to wait. At most two things a worker are on their way, so memory is bounded.

    python -m featherline.tasks.running.workers DESCRIPTOR      (a child; it is given a socket)
"""

from __future__ import annotations

import os
import queue
import signal
import socket
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from featherline.tasks.running.child import Child

Thing = TypeVar("Thing")
Result = TypeVar("Result")

MOST = 8
"""Workers, whatever the machine has: each needs memory of its own."""
SOON_S = 0.25
"""For so long a step works alone."""
THREADS = "OMP_NUM_THREADS"
"""The variable by which a step is told how many cores it may use."""


def cores() -> int:
    """Return how many cores this process may use: those of the machine, or as many as it was told."""
    of_machine = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    told = os.environ.get(THREADS, "")
    return min(of_machine, int(told)) if told.isdecimal() and int(told) else of_machine


class Workers(Generic[Thing, Result]):
    """This process and its children at one kind of work. Leaving the `with` ends the children."""

    def __init__(self, work: Callable[[Thing], Result], count: int | None = None, alone_s: float | None = None) -> None:
        """Prepare; nothing is started yet.

        Args:
            work: Of a module, or a value of a class of one, which pickle can send. It must not depend on who does it.
            count: Workers, this process among them; as many as there are cores where absent.
            alone_s: For how long no child is started; `SOON_S` where absent.
        """
        self._work = work
        self._count = max(1, min(MOST, cores()) if count is None else count)
        self._alone_s = SOON_S if alone_s is None else alone_s
        self._waiting: queue.SimpleQueue[_Task[Thing, Result] | None] = queue.SimpleQueue()
        self._open = ExitStack()
        self._children = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for _ in range(self._children):
            self._waiting.put(None)
        self._open.close()

    def map(self, things: Iterable[Thing]) -> Iterator[Result]:
        """Yield the result of each thing, in their order. What the work raises is raised here, at its place.

        Raises:
            MemoryError: The kernel killed a child.
            RuntimeError: One died otherwise.
        """
        ahead: deque[_Task[Thing, Result]] = deque()
        started = time.monotonic()
        for thing in things:
            task: _Task[Thing, Result] = _Task(thing)
            ahead.append(task)
            self._waiting.put(task)
            if self._count > 1 and not self._children and time.monotonic() - started >= self._alone_s:
                self._start()
            while len(ahead) > 2 * self._children:
                yield self._result(ahead.popleft())
        while ahead:
            yield self._result(ahead.popleft())

    def _result(self, task: _Task[Thing, Result]) -> Result:
        """Return what became of a task, and do what waits to be done until it is there."""
        while not task.done.is_set():
            try:
                mine = self._waiting.get_nowait()
            except queue.Empty:
                task.done.wait()
            else:
                if mine is not None:
                    mine.run(self._work)
        return task.result()

    def _start(self) -> None:
        """Start the children. It is this thread that they end with."""
        folder = Path(self._open.enter_context(tempfile.TemporaryDirectory(prefix="featherline-")))
        for number in range(1, self._count):
            ours, theirs = socket.socketpair()
            with theirs:
                log = folder / f"{number}.log"
                given = str(theirs.fileno())
                child = Child("featherline.tasks.running.workers", given, log=log, files=(theirs.fileno(),))
            connection = self._open.enter_context(Connection(ours.detach()))
            self._open.enter_context(child)
            thread = threading.Thread(target=self._serve, args=(connection, child), daemon=True)
            thread.start()
            self._children += 1

    def _serve(self, connection: Connection, child: Child) -> None:
        """Give a child one task after the other."""
        with suppress(OSError):  # it died at once: its first task says so
            connection.send(self._work)
        while (task := self._waiting.get()) is not None:
            try:
                connection.send(task.thing)
                done, value = connection.recv()
            except (EOFError, OSError):
                task.finish(None, _death(child))
                return
            task.finish(value if done else None, None if done else value)


class _Task(Generic[Thing, Result]):
    """One thing, and what became of it."""

    def __init__(self, thing: Thing) -> None:
        self.thing = thing
        self.done = threading.Event()
        self._result: Any = None
        self._error: BaseException | None = None

    def run(self, work: Callable[[Thing], Result]) -> None:
        """Do it in this process."""
        try:
            self.finish(work(self.thing), None)
        except Exception as error:  # noqa: BLE001 - raised where it is asked for
            self.finish(None, error)

    def finish(self, result: Result | None, error: BaseException | None) -> None:
        """Take what became of it."""
        self._result, self._error = result, error
        self.done.set()

    def result(self) -> Result:
        """Return the result, or raise the error."""
        if self._error is not None:
            raise self._error
        result: Result = self._result
        return result


def _death(child: Child) -> Exception:
    """Return what to raise for a child that is gone."""
    ended = child.wait(patience_s=5)
    if ended.died_of == signal.SIGKILL:
        return MemoryError("the kernel killed a worker")
    last = ended.said.strip().splitlines()[-1:] or [""]
    return RuntimeError(f"a worker died ({ended.signal_name or f'exit code {ended.code}'}): {last[0]}")


def serve(connection: Connection) -> None:
    """Be a child: take the work, then a thing at a time, until nobody asks any more."""
    try:
        work = connection.recv()
        while True:
            thing = connection.recv()
            try:
                answer = (True, work(thing))
            except Exception as error:  # noqa: BLE001 - raised by who asked
                answer = (False, error)
            connection.send(answer)
    except (EOFError, ConnectionError):
        return


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])))
