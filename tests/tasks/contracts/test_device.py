"""The budget of a device: one rule for what is estimated, searched, measured and chosen."""

from __future__ import annotations

import math

import pytest

from featherline.tasks.contracts.device import Budget, beyond


def test_the_excess_is_the_part_of_the_bound_by_which_it_is_passed() -> None:
    """150 of 100 bytes is half too much, 50 of 100 MACs leaves half."""
    budget = Budget(size_bytes=100, macs=100)

    assert budget.excess({"size_bytes": 150, "macs": 50}) == {"size_bytes": 0.5, "macs": -0.5}


def test_what_is_not_bounded_or_not_known_has_no_part() -> None:
    """A latency without a bound, and a memory that nobody estimated."""
    assert Budget(peak_ram_bytes=10, macs=10).excess({"peak_ram_bytes": None, "latency_ms_p50": 3.0}) == {}


@pytest.mark.parametrize(
    ("used", "broken"), [(99, []), (100, []), (math.nextafter(100, 101), ["macs"]), (math.nan, ["macs"])]
)
def test_what_is_on_its_bound_fits(used: float, broken: list[str]) -> None:
    """A hair more does not, nor does what is no number."""
    assert beyond(Budget(macs=100).excess({"macs": used})) == broken
