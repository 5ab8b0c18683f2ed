"""Ranges of activations: each method on values that a person can sort, and on a real file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from featherline.tasks.compression.quantization.post_training.calibration import (
    Observer,
    activation_ranges,
    cut,
    least_error,
    moving_average,
)
from featherline.tasks.contracts.post_training import Calibration
from featherline.tasks.litert.interpreter import FileRunner

if TYPE_CHECKING:
    from tests.tasks.compression.quantization.post_training.conftest import Small


def test_minmax_is_all_that_was_seen(small: Small) -> None:
    """The range of the input goes from the lowest to the highest pixel, that of a ReLU begins at zero."""
    ranges = activation_ranges(small.file, small.images[:10], Calibration())
    names = Observer(small.file).names

    assert ranges[names[0]] == (pytest.approx(small.images[:10].min()), pytest.approx(small.images[:10].max()))
    assert ranges[names[1]][0] == 0.0
    assert ranges[names[1]][1] > 0.0


def test_the_output_s_range_is_that_of_the_logits(small: Small) -> None:
    """What the observer sees at the end is what the file answers."""
    logits = FileRunner(small.file).predict(small.images[:5])
    ranges = activation_ranges(small.file, small.images[:5], Calibration())

    low, high = ranges[Observer(small.file).names[-1]]

    assert (low, high) == (pytest.approx(min(logits.min(), 0)), pytest.approx(max(logits.max(), 0)))


def test_a_range_holds_zero() -> None:
    """Values from 2 to 3 give a range from 0, as padding with zeros must be exact."""
    low, high = least_error(np.array([1, 1]), np.array([2.0, 2.5, 3.0]), bits=8)

    assert low == 0.0
    assert high <= 3.0


def test_moving_average_moves_a_twentieth_of_the_way() -> None:
    """An image of 0 to 20 after one of 0 to 10 gives 0 to 10.5."""
    ends = np.array([[[0.0, 10.0]], [[0.0, 20.0]]])

    assert moving_average(ends).tolist() == [[0.0, pytest.approx(10.5)]]


def test_a_percentile_cuts_the_same_share_at_either_end() -> None:
    """Of a hundred values in ten bins, 90 per cent below leaves out the last bin, and the first."""
    counts, edges = np.full(10, 10), np.linspace(0.0, 10.0, 11)

    assert cut(counts, edges, 0.9) == (1.0, 9.0)


def test_the_whole_share_cuts_nothing() -> None:
    """At 100 per cent the range is all that was seen."""
    assert cut(np.array([5, 0, 1]), np.array([-1.0, 0.0, 1.0, 2.0]), 1.0) == (-1.0, 2.0)


def test_the_least_error_gives_up_a_lonely_outlier() -> None:
    """A million values below 1 and one at 10 are rounded best with a range far below 10; without it with all of 1."""
    edges = np.linspace(0.0, 10.0, 1001)
    counts = np.zeros(1000, np.int64)
    counts[:100] = 10_000
    lonely = counts.copy()
    lonely[-1] = 1

    assert least_error(lonely, edges, bits=4)[1] < 5.0
    assert least_error(counts[:100], edges[:101], bits=8)[1] == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("method", ["moving_average", "percentile", "mse"])
def test_other_methods_stay_within_what_was_seen(small: Small, method: str) -> None:
    """Every method but min-max cuts: its ranges are inside those of min-max, give or take a bin."""
    images = small.images[:20]
    widest = activation_ranges(small.file, images, Calibration())

    ranges = activation_ranges(small.file, images, Calibration(method=method, percentile=99))

    for name, (low, high) in ranges.items():
        slack = 1e-6 + (widest[name][1] - widest[name][0]) / 1024
        assert widest[name][0] - slack <= low <= 0 <= high <= widest[name][1] + slack
    assert any(high < widest[name][1] for name, (_, high) in ranges.items())
