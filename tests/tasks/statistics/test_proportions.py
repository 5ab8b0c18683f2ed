"""Intervals of fractions, against published numbers."""

import pytest

from featherline.tasks.statistics.proportions import unpaired_drop, wilson


def test_wilson_gives_the_published_interval():
    """81 of 263 gives 0.2553 to 0.3662 at 95 % (Newcombe 1998, table I)."""
    low, high = wilson(81, 263, 0.95)

    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)


def test_a_perfect_score_is_still_uncertain():
    """All of 10 correct leaves room below, and none above 1."""
    low, high = wilson(10, 10, 0.95)

    assert round(low, 3) == 0.722
    assert high == 1.0


def test_no_score_is_still_uncertain():
    """None of 10 correct is the mirror image."""
    low, high = wilson(0, 10, 0.95)

    assert low == pytest.approx(0, abs=1e-12)
    assert round(high, 3) == 0.278


@pytest.mark.parametrize(("correct", "samples"), [(0, 0), (3, 2), (-1, 2)])
def test_wilson_needs_samples(correct: int, samples: int):
    """A fraction of nothing is no fraction."""
    with pytest.raises(ValueError, match="at least one sample"):
        wilson(correct, samples, 0.95)


def test_the_unpaired_drop_gives_the_published_interval():
    """56 of 70 against 48 of 80 gives 0.0524 to 0.3339 at 95 % (Newcombe 1998, table II, method 10)."""
    low, high = unpaired_drop((56, 70), (48, 80), 0.95)

    assert (round(low, 4), round(high, 4)) == (0.0524, 0.3339)


def test_the_unpaired_drop_of_equals_is_symmetric():
    """The same fraction twice gives an interval around zero."""
    low, high = unpaired_drop((90, 100), (90, 100), 0.95)

    assert low == pytest.approx(-high)
    assert high > 0
