"""The size of the weights as a loss."""

from __future__ import annotations

import pytest

from featherline.tasks.networks.framework import keras
from featherline.tasks.training.weight_decay import decay


def test_decay_is_that_of_keras_and_spares_all_but_kernels() -> None:
    """A kernel of 3 and 4 costs 25 times the factor; bias and batch normalisation cost nothing."""
    dense = keras.layers.Dense(
        1, kernel_initializer=keras.initializers.Constant([[3.0], [4.0]]), bias_initializer="ones"
    )
    model = keras.Sequential([keras.Input((2,)), dense, keras.layers.BatchNormalization()])

    assert float(decay(model.trainable_variables, 0.1)) == pytest.approx(2.5)
    assert float(keras.regularizers.l2(0.1)(dense.kernel)) == pytest.approx(2.5)
