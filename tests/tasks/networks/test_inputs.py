"""How many examples a network is given at once."""

from __future__ import annotations

from featherline.tasks.networks.framework import keras
from featherline.tasks.networks.inputs import batch_size, fitting


def test_large_examples_come_in_small_even_batches() -> None:
    """16 MiB of float32: all 256 of 32x32x3, 26 photos of 224x224, two of what does not fit at all."""
    assert [fitting(side * side * 3, 256) for side in (32, 224, 4000)] == [256, 26, 2]


def test_the_inputs_of_a_network_are_counted_together() -> None:
    """Two inputs of a million numbers each are two million."""
    inputs = [keras.Input((1000, 1000), name=name) for name in ("left", "right")]
    network = keras.Model(inputs, keras.layers.Add()(inputs))

    assert batch_size(network, 64) == fitting(2_000_000, 64) == 2
