"""Moving the pixels of a batch, each image by its own transformation; all stateless, for compiled steps.

images (n, height, width, channels) float32 ──► the same shape, bilinear
"""

from __future__ import annotations

from typing import Literal

from featherline.tasks.contracts.modalities.image import RandomResizedCrop
from featherline.tasks.networks.framework import Tensor, tf

TRIES = 10
"""Draws of a part that may lie beyond the image; after that it is the largest part in the middle."""

Fill = Literal["CONSTANT", "NEAREST"]


def transformed(images: Tensor, matrices: Tensor, fill: Fill = "CONSTANT") -> Tensor:
    """Return images whose pixel (x, y) is that of the original at `a0 x + a1 y + a2, b0 x + b1 y + b2`.

    Args:
        images: (n, height, width, channels).
        matrices: (n, 6): a0, a1, a2, b0, b1, b2.
        fill: What lies beyond the image: 0, or the pixel at its edge.
    """
    height, width = images.shape[1:3]
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.pad(matrices, [[0, 0], [0, 2]]),
        output_shape=tf.constant([height, width]),
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode=fill,
    )


def around_the_middle(images: Tensor, linear: Tensor) -> Tensor:
    """Return the (n, 6) matrices that leave the middle of the images where it is.

    Args:
        images: (n, height, width, channels).
        linear: (n, 4): a0, a1, b0, b1.
    """
    height, width = images.shape[1:3]
    x, y = (width - 1) / 2, (height - 1) / 2
    a0, a1, b0, b1 = tf.unstack(linear, axis=1)
    return tf.stack([a0, a1, x - a0 * x - a1 * y, b0, b1, y - b0 * x - b1 * y], axis=1)


def random_resized_crop(images: Tensor, seed: Tensor, settings: RandomResizedCrop) -> Tensor:
    """Return a random part of each image, resized to the whole.

    Args:
        images: (n, height, width, channels).
        seed: (2,) int32. Equal seeds give equal parts.
        settings: The area of the part, as a fraction of the image's, and its width over its height, by its logarithm.

    Source: Szegedy et al. 2015, section 6, https://arxiv.org/abs/1409.4842
    """
    height, width = images.shape[1:3]
    tops, lefts, heights, widths = parts(tf.shape(images)[0], (height, width), seed, settings)
    x, y = widths / width, heights / height
    nothing = tf.zeros_like(x)
    # The middle of the first pixel of the result lies half of its own width within the part.
    matrices = tf.stack([x, nothing, lefts + x / 2 - 0.5, nothing, y, tops + y / 2 - 0.5], axis=1)
    return transformed(images, matrices, "NEAREST")


def parts(
    count: Tensor, size: tuple[int, int], seed: Tensor, settings: RandomResizedCrop
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return top, left, height and width of random parts, (n,) each, in pixels and within the image."""
    height, width = (float(side) for side in size)
    of_area, of_ratio, of_place = tf.unstack(tf.random.split(seed, 3))
    area = tf.random.stateless_uniform([count, TRIES], of_area, *settings.scale) * (height * width)
    low, high = (tf.math.log(tf.constant(ratio, tf.float32)) for ratio in settings.ratio)
    ratio = tf.exp(tf.random.stateless_uniform([count, TRIES], of_ratio, low, high))
    widths, heights = tf.sqrt(area * ratio), tf.sqrt(area / ratio)
    fits = (widths <= width) & (heights <= height)
    first = tf.argmax(fits, axis=1, output_type=tf.int32)
    w, h = (tf.gather(each, first, batch_dims=1) for each in (widths, heights))
    any_fits = tf.reduce_any(fits, axis=1)
    # The largest part in the middle whose proportions are allowed.
    whole = tf.clip_by_value(width / height, *settings.ratio)
    w = tf.where(any_fits, w, tf.minimum(width, height * whole))
    h = tf.where(any_fits, h, tf.minimum(height, width / whole))
    place = tf.random.stateless_uniform([2, count], of_place)
    place = tf.where(any_fits, place, 0.5)
    return place[0] * (height - h), place[1] * (width - w), h, w
