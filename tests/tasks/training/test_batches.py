"""Batches: every image, even sizes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from featherline.tasks.networks.framework import keras, tf
from featherline.tasks.training.batches import even_batches


@pytest.mark.parametrize(
    ("images", "count", "sizes"), [(1, 1, [2]), (4, 2, [2, 2]), (10, 3, [4, 4, 4]), (125, 2, [64, 62])]
)
def test_sizes_are_even_and_about_equal(images: int, count: int, sizes: list[int]) -> None:
    """A batch that would be odd gets one image more."""
    assert [len(batch) for batch in even_batches(np.arange(images), count)] == sizes


@given(st.integers(1, 500), st.integers(1, 50))
def test_every_image_is_seen(images: int, count: int) -> None:
    """No image is left out, and only the first is seen more than once."""
    order = np.random.default_rng(0).permutation(images)

    seen = np.concatenate(even_batches(order, min(count, images)))

    twice = np.flatnonzero(np.bincount(seen) > 1)
    assert sorted(set(seen.tolist())) == list(range(images))
    assert set(twice.tolist()) <= {int(order[0])}


def test_a_narrow_strided_projection_trains() -> None:
    """The gradient that an odd batch would corrupt the heap with is computed, forty times over."""
    kernel = tf.Variable(keras.initializers.GlorotUniform(seed=0)((1, 1, 8, 24)))

    @tf.function
    def gradient(images: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.nn.conv2d(images, kernel, 2, "SAME") ** 2)
        return tape.gradient(loss, kernel)

    (batch,) = even_batches(np.arange(63), 1)
    images = tf.random.stateless_normal((len(batch), 32, 32, 8), (0, 0))
    found = [gradient(images).numpy() for _ in range(40)]

    assert all(np.allclose(each, found[0]) for each in found)
