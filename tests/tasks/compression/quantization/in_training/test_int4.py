"""Rounding to four bits: the grid, the gradient through it, and that the file holds what was trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from featherline.tasks.compression.quantization.in_training.int4 import (
    LEVELS,
    int4_while_training,
    rounded,
    strip_int4,
)
from featherline.tasks.compression.quantization.post_training.calibration import activation_ranges
from featherline.tasks.compression.quantization.post_training.layers import layers
from featherline.tasks.compression.quantization.post_training.static import StaticQuantizer
from featherline.tasks.contracts.post_training import Calibration
from featherline.tasks.litert.convert import convert
from featherline.tasks.litert.graph import read_graph
from featherline.tasks.networks.framework import keras, tf
from featherline.tasks.networks.graph import functional
from featherline.tasks.networks.zeros import kernels

L = keras.layers
IMAGES = np.random.default_rng(0).normal(size=(32, 8, 8, 3)).astype(np.float32)


@pytest.fixture
def network() -> Any:
    """Give convolutions with and without a bias, a normalisation that flips signs, a depthwise and a dense layer."""
    keras.utils.set_random_seed(0)
    inner = [
        L.Conv2D(8, 3, use_bias=False),
        L.BatchNormalization(gamma_initializer=keras.initializers.RandomUniform(-2, 2)),
        L.ReLU(),
        L.DepthwiseConv2D(3),
        L.Conv2D(4, 1, activation="relu"),
        L.Flatten(),
        L.Dense(5),
    ]
    return functional(keras.Sequential([keras.Input(IMAGES.shape[1:]), *inner]))


def test_weights_become_whole_steps_of_their_channel() -> None:
    """The largest of a channel is seven steps, the others the nearest number of them; each channel has its own step."""
    kernel = tf.constant([[7.0, 0.7], [3.4, -0.24], [-3.6, 0.0]])

    assert np.allclose(rounded(kernel), [[7, 0.7], [3, -0.2], [-4, 0]])


def test_one_step_for_all_where_asked() -> None:
    """The step of the largest channel holds for the small one, whose weights become zero."""
    kernel = tf.constant([[7.0, 0.4], [3.4, -0.2]])

    assert np.allclose(rounded(kernel, by_channel=False), [[7, 0], [3, 0]])


def test_what_is_rounded_stays_and_a_channel_of_zeros_too() -> None:
    """Rounding twice is rounding once; nothing is divided by zero."""
    kernel = tf.constant(np.random.default_rng(0).normal(size=(3, 3, 4, 8)) * np.r_[0, np.ones(7)], tf.float32)

    once = rounded(kernel)

    assert np.allclose(rounded(once), once, atol=1e-7)
    assert not np.any(once[..., 0])


def test_the_gradient_passes_unchanged() -> None:
    """Each weight learns as if it had not been rounded, the largest too."""
    kernel = tf.Variable([[7.0, 0.7], [3.4, -0.24]])

    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(rounded(kernel) * [[1.0, 2.0], [3.0, 4.0]])

    assert tape.gradient(loss, kernel).numpy().tolist() == [[1, 2], [3, 4]]


def test_the_rounded_twin_is_the_model_that_comes_out(network: Any) -> None:
    """What was trained answers as the plain model that is kept; a depthwise kernel keeps all its values."""
    twin = int4_while_training(network, keep_zeros=False)

    plain = strip_int4(twin, network)

    assert np.allclose(twin.predict(IMAGES, verbose=0), plain.predict(IMAGES, verbose=0), atol=1e-5)
    assert not np.allclose(plain.predict(IMAGES, verbose=0), network.predict(IMAGES, verbose=0), atol=1e-2)
    assert max(np.unique(kernel[..., 0]).size for kernel in kernels(plain).values()) <= 15
    assert np.array_equal(plain.layers[4].get_weights()[0], network.layers[4].get_weights()[0])
    assert {type(layer) for layer in plain.layers} == {type(layer) for layer in network.layers}


def test_the_file_holds_the_weights_that_were_trained(network: Any) -> None:
    """Folding the normalisation, signs too, and rounding by min-max give each channel the steps it was trained on."""
    plain = strip_int4(int4_while_training(network, keep_zeros=False), network)

    file = convert(plain, "float32")
    ranges = activation_ranges(file, IMAGES, Calibration())
    made = StaticQuantizer(file, ranges).all(8, {layer.scope: "int4" for layer in layers(file)})

    truth = {kernel.size: kernel for kernel in kernels(plain).values()}
    found = [kernel.constant for _, kernel in read_graph(made).kernels() if kernel.int4 and kernel.constant is not None]
    assert [constant.size for constant in found] == [216, 32, 320]
    for constant in found:
        weights = np.moveaxis(truth[constant.size], -1, 0).reshape(len(constant), -1)
        dense = constant.size == found[-1].size
        step = np.abs(weights).max(axis=None if dense else 1, keepdims=True) / LEVELS
        assert np.array_equal(np.abs(constant.reshape(weights.shape)), np.abs(np.round(weights / step)))


def test_zeros_stay_where_they_are(network: Any) -> None:
    """Weights that were pruned are zero after a step of training, and the others have moved."""
    kernel = network.layers[1].kernel
    kernel.assign(np.where(np.abs(kernel) > np.median(np.abs(kernel)), kernel, 0))
    twin = int4_while_training(network, keep_zeros=True)
    before = strip_int4(twin, network).layers[1].kernel.numpy()

    twin.compile(keras.optimizers.legacy.SGD(0.1), "mse")
    twin.fit(IMAGES, np.ones((len(IMAGES), 5)), verbose=0)

    after = strip_int4(twin, network).layers[1].kernel.numpy()
    assert not after[kernel.numpy() == 0].any()
    assert not np.array_equal(after, before)
