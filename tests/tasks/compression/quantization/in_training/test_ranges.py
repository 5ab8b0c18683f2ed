"""Ranges before training: what was seen, and nothing else changed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from featherline.tasks.compression.quantization.in_training.qat import quantized_while_training
from featherline.tasks.compression.quantization.in_training.ranges import initialise_ranges
from featherline.tasks.networks import inputs
from featherline.tasks.networks.framework import keras
from featherline.tasks.networks.graph import functional

L = keras.layers
IMAGES = np.random.default_rng(0).uniform(-30, 30, (64, 8, 8, 1)).astype(np.float32)


@pytest.fixture
def loud() -> Any:
    """Give a network whose activations go far beyond 6."""
    keras.utils.set_random_seed(0)
    layers = [L.Conv2D(4, 3), L.BatchNormalization(gamma_initializer="ones"), L.ReLU(), L.Flatten(), L.Dense(2)]
    model = keras.Sequential([keras.Input((8, 8, 1)), *layers])
    model.layers[1].set_weights([np.full(4, 20.0), np.zeros(4), IMAGES.mean() * np.ones(4), np.full(4, 100.0)])
    return functional(model)


def named(model: Any) -> dict[str, NDArray[np.float32]]:
    """Return the weights of a model by name."""
    return {weight.name: weight.numpy() for weight in model.weights}


def test_ranges_are_what_the_images_have(loud: Any) -> None:
    """The input's range and the ReLU's maximum are those of the images, not -6 to 6."""
    trained = quantized_while_training(loud, keep_zeros=False, keep_clusters=False)

    initialise_ranges(trained, IMAGES)

    found = named(trained)
    (entry,) = [value for name, value in found.items() if name.startswith("quantize_layer") and name.endswith("_max:0")]
    (relu,) = [value for name, value in found.items() if "re_lu" in name and name.endswith("output_max:0")]
    (floor,) = [value for name, value in found.items() if "re_lu" in name and name.endswith("output_min:0")]
    hidden = keras.Model(loud.input, loud.layers[3].output)
    assert entry == pytest.approx(IMAGES.max(), rel=1e-3)
    assert relu == pytest.approx(np.asarray(hidden(IMAGES, training=True)).max(), rel=0.05)
    assert floor == pytest.approx(0, abs=0.01)


def test_everything_else_stays(loud: Any) -> None:
    """Kernels and batch normalisation statistics are what they were."""
    trained = quantized_while_training(loud, keep_zeros=False, keep_clusters=False)
    before = named(trained)

    initialise_ranges(trained, IMAGES)

    changed = [name for name, value in named(trained).items() if not np.array_equal(value, before[name])]
    assert changed
    assert all(name.removesuffix(":0").endswith(("_min", "_max")) for name in changed)


class Recorded:
    """A network that notes how many examples it was given at once."""

    def __init__(self, model: Any) -> None:
        self.model, self.sizes = model, list[int]()

    def __getattr__(self, name: str) -> Any:
        """Return what the network has."""
        return getattr(self.model, name)

    def __call__(self, batch: Any, **how: Any) -> Any:
        """Note the batch, and call the network."""
        self.sizes.append(len(batch))
        return self.model(batch, **how)


def test_large_examples_go_through_a_few_at_a_time(loud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where 16 examples fill a batch, no more are given at once, and the input's range is that of all 64."""
    monkeypatch.setattr(inputs, "BATCH_BYTES", 16 * IMAGES[0].nbytes)
    trained = quantized_while_training(loud, keep_zeros=False, keep_clusters=False)
    network = Recorded(trained)

    passes = initialise_ranges(network, IMAGES)

    (entry,) = [value for name, value in named(trained).items() if name.startswith("quantize_layer") and "_max" in name]
    assert network.sizes == [16] * 4 * passes
    assert entry == pytest.approx(IMAGES.max(), rel=1e-3)


def test_a_settled_model_computes_nearly_what_the_float_one_does(loud: Any) -> None:
    """Before any training, outputs differ from the float model's by a few steps of rounding; unsettled ones do not."""
    loud.layers[2].momentum = 0.0
    loud(IMAGES, training=True)
    expected = loud(IMAGES, training=False).numpy()
    trained = quantized_while_training(loud, keep_zeros=False, keep_clusters=False)
    unsettled = np.abs(trained(IMAGES, training=False).numpy() - expected).mean()

    initialise_ranges(trained, IMAGES)

    settled = np.abs(trained(IMAGES, training=False).numpy() - expected).mean()
    assert settled < 0.02 * np.abs(expected).mean() < unsettled
