"""Slimming: the penalty is what it says, and only there while it is wanted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from featherline.tasks.compression.pruning.slimming import with_gamma_penalty
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.networks.framework import keras

L = keras.layers


def test_the_penalty_is_the_sum_of_all_gammas(residual: Any) -> None:
    """Strength 0.1 and 56 gammas of 2 cost 11.2."""
    for name in ("stem_bn", "first_bn", "second_bn"):
        _, *others = residual.get_layer(name).get_weights()
        residual.get_layer(name).set_weights([np.full(len(others[0]), -2.0), *others])

    penalised = with_gamma_penalty(residual, 0.1)

    assert float(sum(penalised.losses)) == pytest.approx(0.1 * 56 * 2)
    assert residual.losses == []


def test_a_model_without_gammas_is_refused() -> None:
    """There is nothing to make small."""
    layers = [keras.Input((4,)), L.Dense(2), L.BatchNormalization(scale=False)]

    with pytest.raises(Refused) as refusal:
        with_gamma_penalty(keras.Sequential(layers), 0.1)

    assert "scale=True" in refusal.value.problems[0].expected
