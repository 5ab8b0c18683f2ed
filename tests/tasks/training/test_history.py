"""When a training has had its best, by a metric of which less is better too."""

from __future__ import annotations

import pytest

from featherline.tasks.contracts.quality import SHARE, QualityMetric
from featherline.tasks.training.history import empty_history, is_best, out_of_patience
from tests.tasks.errors import ERROR


@pytest.mark.parametrize(
    ("metric", "curve", "best", "over"),
    [
        (SHARE, (0.5, 0.6, 0.6), True, True),
        (SHARE, (0.5, 0.6, 0.7), True, False),
        (ERROR, (0.6, 0.5, 0.5), True, True),
        (ERROR, (0.6, 0.5, 0.4), True, False),
        (ERROR, (0.4, 0.5, 0.6), False, True),
    ],
)
def test_the_metric_says_what_is_better(
    metric: QualityMetric, curve: tuple[float, ...], best: bool, over: bool
) -> None:
    """A falling error goes on, a rising one runs out of a patience of one epoch; of equals the later is the best."""
    history = empty_history("train", metric).model_copy(update={"validation_quality": curve})

    assert is_best(history) is best
    assert out_of_patience(history, 1) is over
