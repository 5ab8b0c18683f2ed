"""Numbers for people."""

import math

import pytest

from featherline.tasks.contracts import words
from featherline.tasks.contracts.words import MINUS, TIMES


@pytest.mark.parametrize(
    ("value", "text"),
    [(999, "999 B"), (1000, "1.00 kB"), (308_552, "309 kB"), (1_100_096, "1.10 MB"), (15e9, "15.0 GB")],
)
def test_sizes_have_three_digits(value: int, text: str):
    """Decimal units, as shops use them."""
    assert words.size(value) == text


@pytest.mark.parametrize(("value", "text"), [(12, "12"), (40_810_000, "40.8 M"), (1.1e9, "1.10 G"), (2e15, "2000 T")])
def test_counts_have_three_digits(value: float, text: str):
    """Beyond the last unit the number grows."""
    assert words.count(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.004, "+0.40"), (-0.004, f"{MINUS}0.40"), (0.00001, "±0.00"), (math.nan, "unknown")]
)
def test_points_have_a_sign(value: float, text: str):
    """What rounds to nothing has no direction, and a NaN is no number."""
    assert words.points(value) == text


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (100, 25, f"4.0{TIMES} less"),
        (100, 90, f"1.11{TIMES} less"),
        (90, 100, f"1.11{TIMES} more"),
        (100, 100, "the same"),
        (0, 5, "not comparable"),
    ],
)
def test_ratios_say_their_direction(before: float, after: float, text: str):
    """Four times less, a ninth more, the same, or nothing to compare."""
    assert words.times(before, after, "less", "more") == text


@pytest.mark.parametrize(("value", "text"), [(0.0243, "0.0243 ms"), (1.5, "1.5 ms")])
def test_times_choose_their_unit(value: float, text: str):
    """Below a millisecond in microseconds."""
    assert words.milliseconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0139, "1.39 points"), (-0.005, f"{MINUS}0.50 points"), (-0.00001, "0.00 points"), (math.nan, "unknown")],
)
def test_an_amount_is_in_points(value: float, text: str):
    """A drop is told as it stands in the report, wherever it is told."""
    assert words.amount(value) == text
