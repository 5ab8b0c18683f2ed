"""Sparse pruning: the ramp ends in time, and what cannot be pruned is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from featherline.tasks.compression.pruning.sparse import UPDATES, ramp, sparse_while_training, strip_pruning
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.networks.framework import keras


@pytest.mark.parametrize(("steps", "end", "interval"), [(1, 1, 1), (2, 1, 1), (10, 6, 1), (1000, 600, 12)])
def test_the_ramp_takes_three_fifths_of_the_steps(steps: int, end: int, interval: int) -> None:
    """Zeros grow during 60 % of the training, in at most about fifty updates."""
    assert ramp(steps) == (end, interval)


@given(st.integers(1, 100_000))
def test_the_last_update_is_on_the_last_step_of_the_ramp(steps: int) -> None:
    """The final sparsity is reached whatever the number of steps."""
    end, interval = ramp(steps)

    assert end % interval == 0
    assert 1 <= end <= steps
    assert end // interval <= 2 * UPDATES


def test_a_schedule_that_did_not_run_is_found() -> None:
    """A model that was wrapped and never trained has no zeros, and is not handed on as sparse."""
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(8)])

    wrapped, _ = sparse_while_training(model, "magnitude", 0.5, steps=10)

    with pytest.raises(AssertionError, match=r"gave 0\.0000 zeros, 0\.5000 were asked"):
        strip_pruning(wrapped, "magnitude", 0.5)


def test_a_model_without_kernels_is_refused() -> None:
    """Pooling alone has no weights to set to zero."""
    model = keras.Sequential([keras.Input((4, 4, 2)), keras.layers.GlobalAveragePooling2D()])

    with pytest.raises(Refused) as refusal:
        sparse_while_training(model, "2:4", 0.5, steps=10)

    assert "no weights to set to zero" in refusal.value.problems[0].what
