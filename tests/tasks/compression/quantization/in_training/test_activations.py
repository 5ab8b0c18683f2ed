"""Pulling a ReLU into its layer: the same function, with nothing between the weights and their rounding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from featherline.tasks.compression.quantization.in_training.activations import with_inner_activations
from featherline.tasks.compression.quantization.in_training.qat import quantized_while_training
from featherline.tasks.networks.framework import keras
from featherline.tasks.networks.graph import functional

L = keras.layers


@pytest.fixture
def bare() -> Any:
    """Give a network without normalisation, with both ways to write a ReLU."""
    keras.utils.set_random_seed(0)
    layers = [L.Conv2D(4, 3, name="c"), L.ReLU(), L.Flatten(), L.Dense(8, name="d"), L.Activation("relu"), L.Dense(2)]
    return functional(keras.Sequential([keras.Input((8, 8, 1)), *layers]))


def test_the_function_stays_the_same(bare: Any) -> None:
    """Outputs are equal, and both layers carry their ReLU."""
    images = np.random.default_rng(0).standard_normal((4, 8, 8, 1)).astype(np.float32)

    pulled = with_inner_activations(bare)

    assert np.array_equal(pulled(images), bare(images))
    assert [pulled.get_layer(name).activation.__name__ for name in ("c", "d")] == ["relu", "relu"]


def test_every_kernel_is_rounded_while_it_is_trained(bare: Any) -> None:
    """Each layer with a kernel has a range for it; TFMOT alone would leave those before a ReLU without one."""
    trained = quantized_while_training(bare, keep_zeros=False, keep_clusters=False)

    ranges = {weight.name.split("/")[0] for weight in trained.weights if "kernel_min" in weight.name}
    assert len(ranges) == 3
