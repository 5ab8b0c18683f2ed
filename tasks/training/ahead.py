"""Reading beside the training: a few batches ahead and no more, in the order in which they are wanted."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Asked = TypeVar("Asked")
Read = TypeVar("Read")

THREADS = 2
"""That read at the same time; what decodes has threads of its own."""


def read_ahead(wanted: Iterable[Asked], read: Callable[[Asked], Read], most: int) -> Iterator[Read]:
    """Yield `read(each)` for each of `wanted`, in order, while at most `most` others are being read or wait.

    What a reader raises is raised where its result is due. A caller who stops early stops the reading.
    """
    with ThreadPoolExecutor(THREADS, "read-ahead") as pool:
        waiting: deque[Future[Read]] = deque()
        try:
            for each in wanted:
                waiting.append(pool.submit(read, each))
                if len(waiting) > most:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for left in waiting:
                left.cancel()
