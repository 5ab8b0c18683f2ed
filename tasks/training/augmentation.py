"""Random views of a batch, inside the training step, so that student and teacher see the same one."""

from __future__ import annotations

from typing import Any

from tasks.framework import tf


def augment(images: Any, seed: Any, *, flip: bool, crop: int) -> Any:  # noqa: ANN401 - tensors have no types
    """Return a random view of each image, of the same shape.

    Args:
        images: (n, height, width, channels), normalised.
        seed: (2,) int32. Equal seeds give equal views.
        flip: Mirror each image left to right with probability 1/2.
        crop: Move each image by up to this many pixels either way, down and right apart; what comes in from outside
            is 0, the mean pixel.
    """
    if flip:
        mirrored = tf.random.stateless_uniform([tf.shape(images)[0], 1, 1, 1], seed + tf.constant([0, 1])) < 0.5  # noqa: PLR2004
        images = tf.where(mirrored, tf.reverse(images, [2]), images)
    if crop:
        images = _shift(_shift(images, seed + tf.constant([0, 2]), 1, crop), seed + tf.constant([0, 3]), 2, crop)
    return images


def _shift(images: Any, seed: Any, axis: int, most: int) -> Any:  # noqa: ANN401
    """Shift each image along one axis by its own random number of pixels."""
    count, length = tf.shape(images)[0], images.shape[axis]
    padding = [[0, 0]] * 4
    padding[axis] = [most, most]
    offsets = tf.random.stateless_uniform([count, 1], seed, 0, 2 * most + 1, tf.int32)
    return tf.gather(tf.pad(images, padding), offsets + tf.range(length)[tf.newaxis], axis=axis, batch_dims=1)
