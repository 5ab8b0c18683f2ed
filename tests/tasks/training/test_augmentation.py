"""Random views: what they may change, and that seeds decide them."""

from __future__ import annotations

import numpy as np

from tasks.framework import tf
from tasks.training.augmentation import augment

RAMP = np.arange(1, 17, dtype=np.float32).reshape(1, 4, 4, 1).repeat(64, axis=0)
SEED = tf.constant([1, 2])


def test_a_flip_mirrors_about_half_of_the_images() -> None:
    """Each image is as it was or mirrored left to right, and both occur."""
    views = augment(tf.constant(RAMP), SEED, flip=True, crop=0).numpy()

    mirrored = [bool((view == RAMP[0, :, ::-1]).all()) for view in views]
    kept = [bool((view == RAMP[0]).all()) for view in views]
    assert all(one != other for one, other in zip(mirrored, kept, strict=True))
    assert 16 < sum(mirrored) < 48


def test_a_crop_moves_by_no_more_than_its_padding() -> None:
    """Every view is a window of the padded image, at most one pixel off; several windows occur."""
    padded = np.pad(RAMP[0, :, :, 0], 1)
    windows = [padded[y : y + 4, x : x + 4] for y in range(3) for x in range(3)]

    views = augment(tf.constant(RAMP), SEED, flip=False, crop=1).numpy()[..., 0]

    met = {next(n for n, window in enumerate(windows) if (window == view).all()) for view in views}
    assert met == set(range(9))


def test_equal_seeds_give_equal_views() -> None:
    """The same seed gives the same view, another seed another one."""
    first, same, other = (
        augment(tf.constant(RAMP), tf.constant(seed), flip=True, crop=2).numpy() for seed in ([1, 2], [1, 2], [1, 6])
    )

    assert (first == same).all()
    assert (first != other).any()
