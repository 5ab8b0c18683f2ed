"""Batches: every image, even sizes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from featherline.tasks.networks.framework import keras, tf
from featherline.tasks.training.batches import epoch_order, even_batches


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


SKEWED = np.repeat([0, 1, 2], [90, 9, 2])


def test_an_epoch_has_every_example_once() -> None:
    """Where nothing else is asked it is a permutation, another one each round and each seed."""
    orders = [epoch_order(SKEWED, seed, round_).tolist() for seed, round_ in ((0, 0), (0, 1), (1, 0), (0, 0))]

    assert all(sorted(order) == list(range(101)) for order in orders)
    assert orders[0] == orders[3]
    assert orders[0] != orders[1] != orders[2]


def test_a_balanced_epoch_has_as_many_of_each_stratum() -> None:
    """101 examples of three strata are 34, 34 and 33; a rare one's come equally often, others once at most."""
    order = epoch_order(SKEWED, 0, 0, balanced=True)

    assert len(order) == 101
    assert sorted(np.bincount(SKEWED[order]).tolist()) == [33, 34, 34]
    times = np.bincount(order, minlength=101)
    assert times[:90].max() == 1
    assert set(times[90:99].tolist()) <= {3, 4}
    assert set(times[99:].tolist()) <= {16, 17}


def test_a_balanced_epoch_depends_on_seed_and_round_alone() -> None:
    """Equal ones give equal orders; over the rounds every example of a frequent stratum is seen."""
    orders = [epoch_order(SKEWED, 3, round_, balanced=True) for round_ in range(12)]

    assert np.array_equal(orders[4], epoch_order(SKEWED, 3, 4, balanced=True))
    assert not np.array_equal(orders[4], orders[5])
    assert set(np.concatenate(orders).tolist()) == set(range(101))


def test_a_stratum_without_an_example_has_no_share() -> None:
    """Numbers that nobody has are left out."""
    order = epoch_order(np.array([0, 0, 0, 5]), 0, 0, balanced=True)

    assert np.bincount(np.array([0, 0, 0, 5])[order]).tolist() == [2, 0, 0, 0, 0, 2]
