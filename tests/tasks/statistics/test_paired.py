"""Two models on the same images."""

import numpy as np
import pytest

from featherline.tasks.statistics.paired import Change, bootstrap_drop, change, mcnemar
from featherline.tasks.statistics.proportions import unpaired_drop


def test_counts_lost_and_gained_images():
    """One of four is lost, two are gained: the drop is minus a quarter."""
    before = np.array([True, False, False, True])
    after = np.array([False, True, True, True])

    found = change(before, after)

    assert found == Change(lost=1, gained=2, samples=4)
    assert found.drop == -0.25


@pytest.mark.parametrize("lengths", [(3, 4), (0, 0)])
def test_pairs_are_equally_long(lengths: tuple[int, int]):
    """Rows of different length, or of none, are no pairs."""
    with pytest.raises(ValueError, match="equally long"):
        change(np.ones(lengths[0], bool), np.ones(lengths[1], bool))


def test_the_interval_holds_the_drop():
    """30 lost and 10 gained of 1000 is a drop of 0.02, known to about 0.012."""
    low, high = bootstrap_drop(Change(30, 10, 1000), 0.95, resamples=4000, seed=0)

    assert low < 0.02 < high
    assert low == pytest.approx(0.02 - 1.96 * np.sqrt(0.04 - 0.0004) / np.sqrt(1000), abs=0.0015)
    assert high == pytest.approx(0.02 + 1.96 * np.sqrt(0.04 - 0.0004) / np.sqrt(1000), abs=0.0015)


def test_a_narrower_interval_than_unpaired():
    """Pairing pays: the same accuracies on the same images are told apart with fewer of them."""
    low, high = bootstrap_drop(Change(30, 10, 1000), 0.95, resamples=4000, seed=0)
    low_unpaired, high_unpaired = unpaired_drop((920, 1000), (900, 1000), 0.95)

    assert high - low < (high_unpaired - low_unpaired) / 1.9


def test_the_interval_of_no_change_is_a_point():
    """Two models that are right on the same images have no drop to be unsure of."""
    assert bootstrap_drop(Change(0, 0, 50), 0.95, resamples=100, seed=0) == (0.0, 0.0)


def test_the_seed_decides_the_draws():
    """The same seed gives the same interval."""
    first = bootstrap_drop(Change(5, 3, 100), 0.9, resamples=500, seed=7)

    assert first == bootstrap_drop(Change(5, 3, 100), 0.9, resamples=500, seed=7)


@pytest.mark.parametrize(
    ("lost", "gained", "p"), [(0, 0, 1.0), (5, 5, 1.0), (5, 0, 0.0625), (0, 5, 0.0625), (10, 2, 0.038574)]
)
def test_mcnemar_is_the_exact_binomial(lost: int, gained: int, p: float):
    """Five lost and none gained is two flips of five coins alike: 2/32."""
    assert mcnemar(Change(lost, gained, 100)) == pytest.approx(p, abs=1e-6)


def test_mcnemar_of_many_images_stays_finite():
    """Thousands of changed images do not overflow."""
    assert 0 < mcnemar(Change(2100, 2000, 100_000)) < 1
