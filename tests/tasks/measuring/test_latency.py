"""The clock around `invoke()`, with interpreters that take a known time."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from featherline.tasks.measuring import latency


class Sleeper:
    """Takes at least the given time for every run, and writes its name into a log."""

    def __init__(self, name: str, seconds: float, log: list[str]) -> None:
        self.name, self.seconds, self.log = name, seconds, log

    def load(self, raw: Any) -> None:
        """Take an image."""
        self.raw = raw
        self.log.append(f"load {self.name}")

    def invoke(self) -> None:
        """Take the time."""
        self.log.append(self.name)
        time.sleep(self.seconds)


def timed(new: float, base: float | None, log: list[str], **given: int) -> Any:
    """Return the latency of a sleeper against another."""
    image = np.zeros(1)
    other: Any = None if base is None else (Sleeper("base", base, log), image)
    this: Any = (Sleeper("new", new, log), image)
    return latency.latency(this, other, **({"threads": 1, "warm_up": 2, "runs": 20, "seed": 0} | given))


def test_files_take_turns() -> None:
    """Baseline and file are loaded once, then run in turn, warm-up included."""
    log: list[str] = []

    timed(0, 0, log)

    assert log == ["load base", "load new"] + ["base", "new"] * 22


def test_percentiles_are_in_milliseconds() -> None:
    """A file that sleeps two milliseconds takes two to a few of them, and more at higher percentiles."""
    measured = timed(0.002, None, [])

    assert 2 <= measured.p50 < 20
    assert measured.p50 <= measured.p90 <= measured.p99
    assert (measured.runs, measured.warm_up, measured.threads) == (20, 2, 1)
    assert measured.speedup is None


def test_speedup_is_the_baseline_over_the_file() -> None:
    """Eight milliseconds against two is about four times, within its interval."""
    measured = timed(0.002, 0.008, [])

    assert measured.speedup == pytest.approx(measured.baseline_p50 / measured.p50)
    assert 2 < measured.speedup < 5
    assert measured.speedup_low <= measured.speedup <= measured.speedup_high


def test_slow_files_are_run_fewer_times(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Runs that would take over the limit are cut, and the log says so."""
    monkeypatch.setattr(latency, "TIME_LIMIT_S", 0.06)

    measured = timed(0.002, None, [], runs=1000)

    assert 20 <= measured.runs <= 30
    assert f"{measured.runs} timed runs instead of 1000" in capsys.readouterr().out


def test_interval_of_equal_files_holds_one() -> None:
    """Rounds whose two times are the same have a ratio of exactly one."""
    times = np.random.default_rng(0).random((50, 1)).repeat(2, axis=1) + 1

    assert latency.ratio_interval(times, seed=0) == (1.0, 1.0)
