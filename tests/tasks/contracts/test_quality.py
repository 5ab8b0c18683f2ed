"""The metric of a problem: which side is better, what a drop is, and how far one may go down."""

from __future__ import annotations

import pytest

from featherline.tasks.contracts.quality import QualityMetric

SHARE = QualityMetric()
ERROR = QualityMetric(name="error", unit="mm", worst=None, best=0.0, higher_is_better=False)


def test_a_drop_is_positive_where_it_got_worse() -> None:
    """Of a share less is worse, of an error more is."""
    assert SHARE.drop(0.75, 0.5) == 0.25
    assert ERROR.drop(1.0, 1.5) == 0.5
    assert ERROR.drop(1.5, 1.0) == -0.5


@pytest.mark.parametrize(
    ("metric", "value", "allowed", "lowest"),
    [(SHARE, 0.75, 0.25, 0.5), (SHARE, 0.1, 0.25, 0.0), (ERROR, 1.0, 0.5, 1.5)],
)
def test_a_value_is_lowered_by_what_is_allowed(
    metric: QualityMetric, value: float, allowed: float, lowest: float
) -> None:
    """And no further than to the worst that there is, where there is such a value."""
    assert metric.lowered(value, allowed) == lowest
    assert metric.drop(value, metric.lowered(value, allowed)) <= allowed
