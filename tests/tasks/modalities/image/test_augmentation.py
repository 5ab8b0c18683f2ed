"""Random views: what they may change, and that seeds decide them."""

from __future__ import annotations

import numpy as np

from featherline.tasks.contracts.fit import Fit
from featherline.tasks.modalities.image.augmentation import augment, moves
from featherline.tasks.networks.framework import tf

RAMP = np.arange(1, 17, dtype=np.float32).reshape(1, 4, 4, 1).repeat(64, axis=0)
SEED = tf.constant([1, 2])


def test_a_flip_mirrors_about_half_of_the_images() -> None:
    """Each image is as it was or mirrored left to right, and both occur."""
    views = augment(tf.constant(RAMP), SEED, Fit(flip=True)).inputs.numpy()

    mirrored = [bool((view == RAMP[0, :, ::-1]).all()) for view in views]
    kept = [bool((view == RAMP[0]).all()) for view in views]
    assert all(one != other for one, other in zip(mirrored, kept, strict=True))
    assert 16 < sum(mirrored) < 48


def test_a_crop_moves_by_no_more_than_its_padding() -> None:
    """Every view is a window of the padded image, at most one pixel off; several windows occur."""
    padded = np.pad(RAMP[0, :, :, 0], 1)
    windows = [padded[y : y + 4, x : x + 4] for y in range(3) for x in range(3)]

    views = augment(tf.constant(RAMP), SEED, Fit(crop=1)).inputs.numpy()[..., 0]

    met = {next(n for n, window in enumerate(windows) if (window == view).all()) for view in views}
    assert met == set(range(9))


def test_equal_seeds_give_equal_views() -> None:
    """The same seed gives the same view, another seed another one."""
    first, same, other = (
        augment(tf.constant(RAMP), tf.constant(seed), Fit(flip=True, crop=2)).inputs.numpy()
        for seed in ([1, 2], [1, 2], [1, 6])
    )

    assert (first == same).all()
    assert (first != other).any()


def test_a_cutout_hides_one_square() -> None:
    """Of each image a square is 0, cut off at the edge where it lies there; every place is hidden in some image."""
    views = augment(tf.constant(RAMP), SEED, Fit(cutout=2)).inputs.numpy()[..., 0]

    hidden = views == 0
    assert (views[~hidden] == np.broadcast_to(RAMP[0, :, :, 0], views.shape)[~hidden]).all()
    assert hidden.any(axis=0).all()
    for one in hidden:
        rows, columns = one.any(axis=1), one.any(axis=0)
        assert 1 <= rows.sum() <= 2
        assert 1 <= columns.sum() <= 2
        assert (one == np.outer(rows, columns)).all()


def test_a_mixture_is_mostly_the_image_itself() -> None:
    """Each view is `share` of its own image and the rest of its partner, from the other end of the batch."""
    images = np.arange(8, dtype=np.float32).reshape(8, 1, 1, 1) * np.ones((1, 2, 2, 1), np.float32)

    view = augment(tf.constant(images), SEED, Fit(mixup=1.0))

    share = view.share.numpy()
    assert ((share >= 0.5) & (share <= 1)).all()
    assert len(set(share)) == 8
    expected = share * np.arange(8) + (1 - share) * np.arange(8)[::-1]
    np.testing.assert_allclose(view.inputs.numpy()[:, 1, 1, 0], expected, rtol=1e-6)


def test_shares_are_those_of_a_beta() -> None:
    """The larger part of Beta(1, 1) is even between a half and one: mean 3/4, deviation 1/sqrt(48)."""
    share = augment(tf.zeros((4000, 1, 1, 1)), SEED, Fit(mixup=1.0)).share.numpy()

    assert abs(share.mean() - 0.75) < 0.01
    assert abs(share.std() - 48**-0.5) < 0.01


def test_a_tiny_alpha_mixes_hardly_and_stays_finite() -> None:
    """Gamma draws that both vanish in float32 leave the image as it is."""
    share = augment(tf.zeros((4000, 1, 1, 1)), SEED, Fit(mixup=1e-4)).share.numpy()

    assert np.isfinite(share).all()
    assert (share > 0.999).mean() > 0.95


def test_nothing_is_mixed_unasked() -> None:
    """Without mixup there is no share, and without any parameter the view is the image."""
    view = augment(tf.constant(RAMP), SEED, Fit())

    assert view.share is None
    assert (view.inputs.numpy() == RAMP).all()
    assert not moves(Fit())
    for parameter in ({"flip": True}, {"crop": 1}, {"cutout": 1}, {"mixup": 0.1}):
        assert moves(Fit.model_validate(parameter))
