"""What a device cannot carry of a measured file."""

from __future__ import annotations

import re
from typing import NamedTuple

from featherline.tasks.contracts.device import Budget, beyond
from featherline.tasks.contracts.measurement import REPEATABILITY, Measurement


class Breach(NamedTuple):
    """A bound or a rule that a candidate broke."""

    rule: str
    expected: str
    got: str
    fix: str
    miss: float
    """How far beyond, as a fraction of the bound or in points of the rule; infinite where the value is unknown."""


UNITS = {"size_bytes": "bytes", "macs": "MACs", "peak_ram_bytes": "bytes of peak RAM", "latency_ms_p50": "ms (p50)"}


def used(measurement: Measurement) -> dict[str, float]:
    """Return what was measured of a file, by the names of a budget's bounds."""
    return {
        "size_bytes": measurement.size_bytes,
        "macs": measurement.macs,
        "peak_ram_bytes": measurement.peak_ram_bytes,
        "latency_ms_p50": measurement.latency_ms.p50,
    }


def excess(measurement: Measurement, budget: Budget) -> dict[str, float]:
    """Return how far beyond each bound the file is, as `Budget.excess`; a clock decides only what it can tell."""
    over, bound = budget.excess(used(measurement)), budget.latency_ms_p50
    if bound is not None and not measurement.latency_ms.surely_over(bound):
        over["latency_ms_p50"] = min(over["latency_ms_p50"], 0.0)
    return over


def breaches(measurement: Measurement, budget: Budget) -> tuple[Breach, ...]:
    """Return every bound of the device that the file breaks; a value on the bound fits."""
    miss, values = excess(measurement, budget), used(measurement)
    broken = [_breach(name, values[name], getattr(budget, name), miss[name]) for name in beyond(miss)]
    runtime = _runtime(measurement.minimum_runtime, budget.minimum_runtime)
    return (*broken, runtime) if runtime else tuple(broken)


def doubt(measurement: Measurement, budget: Budget) -> str:
    """Return what to say of a latency that is over its bound by no more than measurements differ, else nothing."""
    bound, time = budget.latency_ms_p50, measurement.latency_ms
    if bound is None or time.p50 <= bound or time.surely_over(bound):
        return ""
    return (
        f"latency_ms_p50: {_amount(time.p50)} ms, where at most {_amount(bound)} ms is asked; two measurements of one"
        f" file differ by as much ({100 * REPEATABILITY:.0f} %)"
    )


def _breach(name: str, value: float, bound: float, miss: float) -> Breach:
    unit = UNITS[name]
    return Breach(
        name,
        f"at most {_amount(bound)} {unit} (budget.{name} of the device)",
        f"{_amount(value)} {unit}",
        f"compress the candidate more, or raise budget.{name} of the device",
        miss,
    )


def _amount(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _runtime(needed: str | None, lowest: str | None) -> Breach | None:
    """Compare versions number by number; a version that is unknown or unreadable does not fit."""
    if lowest is None:
        return None
    expected = f"TFLite {lowest} to run it (budget.minimum_runtime of the device)"
    fix = "export with older operators, or raise budget.minimum_runtime of the device"
    if needed is None or not re.fullmatch(r"\d+(\.\d+)*", needed):
        got = f"no readable version ({needed})" if needed else "no version in the file"
        return Breach("minimum_runtime", expected, got, fix, float("inf"))
    if _version(needed) <= _version(lowest):
        return None
    return Breach("minimum_runtime", expected, f"operators of TFLite {needed}", fix, float("inf"))


def _version(text: str) -> tuple[int, ...]:
    numbers = [int(part) for part in text.split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
