"""Learning rates by step."""

from __future__ import annotations

import pytest

from featherline.tasks.contracts.fit import Fit
from featherline.tasks.training.schedules import learning_rates


def test_constant_stays_at_the_peak() -> None:
    """Every step has the same rate."""
    rates = learning_rates(Fit(schedule="constant", learning_rate=0.5), 4)

    assert rates.tolist() == [0.5, 0.5, 0.5, 0.5]


def test_cosine_falls_from_the_peak_to_nearly_nothing() -> None:
    """It starts at the peak, is at half of it in the middle, and falls throughout."""
    rates = learning_rates(Fit(schedule="cosine", learning_rate=0.5), 100)

    assert rates[0] == pytest.approx(0.5)
    assert rates[50] == pytest.approx(0.25)
    assert rates[-1] < 0.001
    assert (rates[1:] < rates[:-1]).all()


def test_one_cycle_climbs_for_three_tenths() -> None:
    """It starts at a 25th of the peak, reaches it after 30 % of the steps, and falls to nearly nothing."""
    rates = learning_rates(Fit(schedule="one_cycle", learning_rate=0.5), 100)

    assert rates[0] == pytest.approx(0.02)
    assert rates.argmax() == 30
    assert rates[30] == pytest.approx(0.5)
    assert rates[-1] < 0.001
