"""Work on many things at once, in this process and in real children."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest

from featherline.tasks.running.workers import THREADS, Workers, cores

SECRET = "AWS_SECRET_ACCESS_KEY"  # noqa: S105 - its name


def doubled(number: int) -> int:
    """Return twice a number, the even ones late."""
    time.sleep(0.02 * (number % 2 == 0))
    return 2 * number


def who(_: int) -> tuple[int, str | None]:
    """Return who does it, and whether there is a secret to lose."""
    time.sleep(0.02)
    return os.getpid(), os.environ.get(SECRET)


def refusing(number: int) -> int:
    """Refuse three."""
    if number == 3:
        raise ValueError("not three")
    return number


def dying(parent: int) -> int:
    """Die as if the kernel had killed it, unless it is the parent."""
    time.sleep(0.05)
    if os.getpid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
    return parent


@pytest.mark.parametrize("count", [1, 2, 4])
def test_results_are_in_the_order_of_the_things(count: int):
    """Whoever makes them, and however long each takes."""
    with Workers(doubled, count, alone_s=0) as workers:
        assert list(workers.map(range(40))) == [2 * number for number in range(40)]
        assert list(workers.map(range(5))) == [0, 2, 4, 6, 8]


def test_children_work_beside_this_process_and_have_no_secrets(monkeypatch: pytest.MonkeyPatch):
    """Two workers are this process and one other, which is given no key of the store."""
    monkeypatch.setenv(SECRET, "a key")

    with Workers(who, 2, alone_s=0) as workers:
        found = dict(workers.map(range(200)))

    assert len(found) == 2
    assert found.pop(os.getpid()) == "a key"
    assert list(found.values()) == [None]


def test_what_is_soon_done_needs_no_child():
    """Short work is done here alone."""
    with Workers(who, 4, alone_s=60) as workers:
        assert {pid for pid, _ in workers.map(range(5))} == {os.getpid()}


@pytest.mark.parametrize("count", [1, 3])
def test_what_the_work_raises_is_raised_at_its_place(count: int):
    """What comes before it is there."""
    with Workers(refusing, count, alone_s=0) as workers:
        results = workers.map(range(10))

        assert [next(results) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(ValueError, match="not three"):
            next(results)


def test_a_killed_child_is_a_want_of_memory():
    """As of a step that the kernel killed: a retry has more."""
    with Workers(dying, 2, alone_s=0) as workers, pytest.raises(MemoryError, match="killed a worker"):
        list(workers.map([os.getpid()] * 100))


def test_things_are_asked_for_as_they_are_needed():
    """At most two a child are on their way, so that memory is bounded."""
    asked = 0

    def things() -> Iterator[int]:
        nonlocal asked
        for number in range(100):
            asked = number + 1
            yield number

    with Workers(doubled, 3, alone_s=0) as workers:
        for place, _ in enumerate(workers.map(things())):
            assert asked <= place + 1 + 2 * 2 + 1


@pytest.mark.parametrize(("told", "most"), [("1", 1), ("0", None), ("many", None), ("", None), ("4096", None)])
def test_a_step_uses_as_many_cores_as_it_is_told(monkeypatch: pytest.MonkeyPatch, told: str, most: int | None):
    """And never more than the machine has."""
    monkeypatch.setenv(THREADS, told)

    assert cores() == (most or len(os.sched_getaffinity(0)))
