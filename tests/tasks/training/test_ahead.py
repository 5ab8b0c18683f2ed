"""Reading ahead: in order, bounded, and over when the caller is."""

from __future__ import annotations

import threading
import time

import pytest

from featherline.tasks.training.ahead import read_ahead


def test_results_come_in_order() -> None:
    """However long each takes."""

    def slow_if_even(number: int) -> int:
        time.sleep(0.01 if number % 2 == 0 else 0)
        return number

    assert list(read_ahead(range(10), slow_if_even, 3)) == list(range(10))


def test_no_more_are_read_ahead_than_asked() -> None:
    """Of a hundred, those that were taken and three others."""
    begun: list[int] = []
    reading = read_ahead(range(100), begun.append, 3)

    for _ in range(5):
        next(reading)
    reading.close()

    assert len(begun) <= 5 + 3


def test_what_a_reader_raises_is_raised_where_it_is_due() -> None:
    """The results before it are had."""

    def divided(number: int) -> float:
        return 1 / (2 - number)

    reading = read_ahead(range(5), divided, 4)

    assert [next(reading), next(reading)] == [0.5, 1.0]
    with pytest.raises(ZeroDivisionError):
        next(reading)


def test_a_caller_who_stops_ends_the_threads() -> None:
    """None is left that reads."""
    reading = read_ahead(range(100), lambda number: number, 4)
    next(reading)

    reading.close()

    assert not [thread for thread in threading.enumerate() if thread.name.startswith("read-ahead")]
