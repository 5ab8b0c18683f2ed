"""Numbers for people: three digits and a unit, fractions as percent, differences in points."""

from __future__ import annotations

import math

THOUSAND = 1000
MINUS, TIMES = "\N{MINUS SIGN}", "\N{MULTIPLICATION SIGN}"
SAME = 1.005
"""A ratio below this is no difference."""


def size(bytes_: float) -> str:
    """Return bytes in the decimal units that shops use: 308,552 is `309 kB`."""
    return f"{bytes_:.0f} B" if bytes_ < THOUSAND else _scaled(bytes_, ("kB", "MB", "GB"))


def count(number: float) -> str:
    """Return a count, such as MACs or parameters: 40,810,000 is `40.8 M`."""
    return f"{number:.0f}" if number < THOUSAND else _scaled(number, ("k", "M", "G", "T"))


def percent(fraction: float) -> str:
    """Return a fraction in percent: 0.978 is `97.80 %`."""
    return f"{fraction * 100:.2f} %"


def points(difference: float) -> str:
    """Return a difference of fractions in points, with its sign (a true minus); NaN is `unknown`."""
    if math.isnan(difference):
        return "unknown"
    rounded = round(difference * 100, 2)
    return "±0.00" if rounded == 0 else f"{rounded:+.2f}".replace("-", MINUS)


def amount(difference: float) -> str:
    """Return a difference of fractions in points, whose direction the sentence says: 0.0139 is `1.39 points`."""
    if math.isnan(difference):
        return "unknown"
    rounded = round(difference * 100, 2)
    return f"{abs(rounded) if rounded == 0 else rounded:.2f} points".replace("-", MINUS)


def milliseconds(value: float) -> str:
    """Return a time, always in milliseconds, so that two of them can be compared: 0.05 is `0.05 ms`."""
    return f"{value:.3g} ms"


def microjoules(value: float) -> str:
    """Return an energy."""
    return f"{value:.3g} µJ" if value < THOUSAND else f"{value / THOUSAND:.3g} mJ"


def times(before: float, after: float, less: str, more: str) -> str:
    """Return how many times less or more: (100, 25, "smaller", "larger") is 4.0 times smaller."""
    if before <= 0 or after <= 0:
        return "not comparable"
    ratio = max(before / after, after / before)
    if ratio < SAME:
        return "the same"
    amount = f"{ratio:.1f}" if ratio >= 1.95 else f"{ratio:.2f}"  # noqa: PLR2004 - from 2.0 one decimal is enough
    return f"{amount}{TIMES} {less if after < before else more}"


def shorten(digest: str) -> str:
    """Return the first 12 hex digits, which is what people compare."""
    return digest[:12]


def _scaled(value: float, units: tuple[str, ...]) -> str:
    for unit in units:
        value /= THOUSAND
        if value < THOUSAND or unit == units[-1]:
            break
    digits = 0 if value >= 100 else 1 if value >= 10 else 2  # noqa: PLR2004 - three digits in all
    return f"{value:.{digits}f} {unit}"
