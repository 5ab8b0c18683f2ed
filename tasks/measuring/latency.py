"""How long one inference takes: `invoke()` alone, in turn with the baseline, so that both meet the same machine.

    base, new, base, new, …  ──►  p50, p90, p99, p50 of the baseline over p50 of this file with its interval

On a shared machine p90 was seen at five times p50, so medians are compared and means are not given.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.measurement import Latency
from featherline.tasks.litert.interpreter import FileRunner

TIME_LIMIT_S = 20.0
"""Slow networks are run fewer times than asked, so that all timed runs together take about this long."""

FEWEST_RUNS = 20
RATIO_RESAMPLES = 1000
RESAMPLES_AT_ONCE = 100
RATIO_CONFIDENCE = 0.95
Loaded = tuple[FileRunner, Mapping[str, NDArray[Any]]]
"""A file, and the one example, by input and as the file takes it, that every run reads."""


def latency(new: Loaded, base: Loaded | None, *, threads: int, warm_up: int, runs: int, seed: int) -> Latency:
    """Time a file, interleaved with the baseline where one is given.

    Args:
        new: What is timed.
        base: What it is compared with.
        threads: Of both interpreters, for the record.
        warm_up: Runs of each before the clock counts.
        runs: Timed runs of each; fewer where they would take longer than `TIME_LIMIT_S`, at least 20.
        seed: Of the bootstrap of the ratio of medians.
    """
    files = [new] if base is None else [base, new]
    for runner, raw in files:
        runner.load(raw)
    warmed = _times_ns(files, warm_up)
    affordable = int(TIME_LIMIT_S * 1e9 / np.median(warmed, axis=0).sum())
    done = max(FEWEST_RUNS, min(runs, affordable))
    if done < runs:
        print(f"evaluate: {done} timed runs instead of {runs}, which would take over {TIME_LIMIT_S:.0f} s")
    times_ms = _times_ns(files, done) / 1e6
    p50, p90, p99 = (float(value) for value in np.percentile(times_ms[:, -1], [50, 90, 99]))
    p50_low, p50_high = median_interval(times_ms[:, -1], seed)
    measured = Latency(
        p50=p50, p90=p90, p99=p99, p50_low=p50_low, p50_high=p50_high, threads=threads, runs=done, warm_up=warm_up
    )
    if base is None:
        return measured
    baseline_p50 = float(np.median(times_ms[:, 0]))
    low, high = ratio_interval(times_ms, seed)
    return measured.model_copy(
        update={
            "baseline_p50": baseline_p50,
            "speedup": baseline_p50 / p50,
            "speedup_low": low,
            "speedup_high": high,
        }
    )


def medians_ms(files: Sequence[Loaded], *, warm_up: int, runs: int) -> list[float]:
    """Return the median of each file's times, all of them in turn; fewer runs where they would take too long."""
    return [float(median) for median in np.median(_affordable_ms(files, warm_up, runs), axis=0)]


def median_ms(file: Loaded, *, warm_up: int, runs: int, seed: int) -> tuple[float, float]:
    """Return the median of a file's times, and the lower end of its interval; fewer runs where they take too long."""
    times = _affordable_ms([file], warm_up, runs)[:, 0]
    return float(np.median(times)), median_interval(times, seed)[0]


def median_interval(times: NDArray[np.float64], seed: int) -> tuple[float, float]:
    """Return the 95 % bootstrap percentile interval of the median.

    Args:
        times: (runs,).
        seed: Of the draws.
    """
    both = np.column_stack([times, np.ones_like(times)])
    return ratio_interval(both, seed)


def ratio_interval(times: NDArray[np.float64], seed: int) -> tuple[float, float]:
    """Return the 95 % bootstrap percentile interval of the ratio of medians, rounds drawn whole.

    Args:
        times: (runs, 2): baseline and new file, of the same round.
        seed: Of the draws.
    """
    generator = np.random.default_rng(seed)
    medians = np.concatenate(
        [
            np.median(times[generator.integers(0, len(times), (RESAMPLES_AT_ONCE, len(times)))], axis=1)
            for _ in range(RATIO_RESAMPLES // RESAMPLES_AT_ONCE)
        ]
    )
    ratios = medians[:, 0] / medians[:, 1]
    low, high = np.quantile(ratios, [(1 - RATIO_CONFIDENCE) / 2, (1 + RATIO_CONFIDENCE) / 2])
    return float(low), float(high)


def _affordable_ms(files: Sequence[Loaded], warm_up: int, runs: int) -> NDArray[np.float64]:
    """Return (runs, files) milliseconds, of fewer runs where they would take too long."""
    for runner, raw in files:
        runner.load(raw)
    warmed = _times_ns(files, warm_up)
    affordable = int(TIME_LIMIT_S * 1e9 / np.median(warmed, axis=0).sum())
    return _times_ns(files, max(FEWEST_RUNS, min(runs, affordable))) / 1e6


def _times_ns(files: Sequence[Loaded], runs: int) -> NDArray[np.float64]:
    """Return (runs, files) nanoseconds of `invoke()`, the files in turn."""
    times = np.empty((runs, len(files)))
    invokes = [runner.invoke for runner, _ in files]
    clock = time.perf_counter_ns
    for run in range(runs):
        for column, invoke in enumerate(invokes):
            started = clock()
            invoke()
            times[run, column] = clock() - started
    return times
