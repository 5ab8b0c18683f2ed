"""Operations on the colours of a batch, each image by its own strength; all stateless, for compiled steps.

images (n, height, width, channels) float32 from 0 to 1 ──► the same, from 0 to 1

Colours are red, green and blue; of grey images there is no saturation and no hue.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from featherline.tasks.networks.framework import Tensor, tf

COLOURS = 3
LUMA = (0.299, 0.587, 0.114)
"""Of red, green and blue, ITU-R BT.601, as Pillow converts colours to grey."""
BYTE = 255.0
LEVELS = 256


def blended(ground: Tensor, images: Tensor, factors: Tensor) -> Tensor:
    """Return `ground + factor * (image - ground)`, cut to 0 and 1: 0 is the ground, 1 the image, above it is stressed.

    Args:
        ground: Of a shape that repeats to that of `images`.
        images: (n, height, width, channels).
        factors: (n, 1, 1, 1).

    Source: Haeberli and Voorhies 1994, https://www.graficaobscura.com/interp/
    """
    return tf.clip_by_value(ground + factors * (images - ground), 0.0, 1.0)


def grey(images: Tensor) -> Tensor:
    """Return the luma of each pixel, (n, height, width, 1)."""
    if images.shape[-1] != COLOURS:
        return images
    return tf.reduce_sum(images * tf.constant(LUMA), axis=-1, keepdims=True)


def brightness(images: Tensor, factors: Tensor) -> Tensor:
    """Return images between black and, beyond themselves, lighter ones."""
    return blended(tf.zeros((), tf.float32), images, factors)


def contrast(images: Tensor, factors: Tensor) -> Tensor:
    """Return images between their own mean luma and, beyond themselves, harder ones."""
    return blended(tf.reduce_mean(grey(images), axis=(1, 2, 3), keepdims=True), images, factors)


def saturation(images: Tensor, factors: Tensor) -> Tensor:
    """Return images between grey and, beyond themselves, more colourful ones."""
    return blended(grey(images), images, factors)


def hue(images: Tensor, turns: Tensor) -> Tensor:
    """Return images whose hues are turned by a part of the circle.

    Args:
        images: (n, height, width, 3).
        turns: (n, 1, 1, 1), -0.5 to 0.5.
    """
    hues, rest = tf.split(tf.image.rgb_to_hsv(images), [1, 2], axis=-1)
    return tf.image.hsv_to_rgb(tf.concat([tf.math.floormod(hues + turns, 1.0), rest], axis=-1))


def sharpness(images: Tensor, factors: Tensor) -> Tensor:
    """Return images between smoothed and, beyond themselves, sharper ones; their outermost pixels stay."""
    height, width, channels = images.shape[1:]
    kernel = tf.constant([[1.0, 1, 1], [1, 5, 1], [1, 1, 1]]) / 13
    kernel = tf.tile(kernel[:, :, tf.newaxis, tf.newaxis], [1, 1, channels, 1])
    inside = np.zeros((1, height, width, 1), bool)
    inside[:, 1:-1, 1:-1] = True
    smooth = tf.where(inside, tf.nn.depthwise_conv2d(images, kernel, [1, 1, 1, 1], "SAME"), images)
    return blended(smooth, images, factors)


def posterize(images: Tensor, bits: Any) -> Tensor:  # noqa: ANN401 - a number
    """Return images of which each channel has so many bits, 1 to 8."""
    step = tf.cast(2 ** (8 - bits), tf.float32)
    return tf.floor(tf.round(images * BYTE) / step) * step / BYTE


def solarize(images: Tensor, threshold: Any) -> Tensor:  # noqa: ANN401 - a number
    """Return images in which what is at least so light is inverted."""
    return tf.where(images >= threshold, 1 - images, images)


def autocontrast(images: Tensor) -> Tensor:
    """Return images whose channels reach from 0 to 1; a channel of one value stays."""
    low, high = (reduce(images, axis=(1, 2), keepdims=True) for reduce in (tf.reduce_min, tf.reduce_max))
    return tf.where(high > low, (images - low) / tf.where(high > low, high - low, 1.0), images)


def equalize(images: Tensor) -> Tensor:
    """Return images whose channels have each of 256 levels about equally often; a channel of one value stays.

    Source: as Pillow's `ImageOps.equalize`
    """
    count, (height, width, channels) = tf.shape(images)[0], images.shape[1:]
    rows = count * channels
    levels = tf.cast(tf.round(tf.clip_by_value(images, 0.0, 1.0) * BYTE), tf.int32)
    levels = tf.reshape(tf.transpose(levels, [0, 3, 1, 2]), [rows, height * width])
    places = levels + LEVELS * tf.range(rows)[:, tf.newaxis]
    ones = tf.ones([rows * height * width], tf.int32)
    counts = tf.math.unsorted_segment_sum(ones, tf.reshape(places, [-1]), rows * LEVELS)
    counts = tf.reshape(counts, [rows, LEVELS])
    highest = LEVELS - 1 - tf.argmax(tf.reverse(counts, [1]) > 0, axis=1, output_type=tf.int32)
    step = (height * width - tf.gather(counts, highest, batch_dims=1))[:, tf.newaxis] // (LEVELS - 1)
    below = tf.cumsum(counts, axis=1, exclusive=True)
    table = tf.clip_by_value((below + step // 2) // tf.maximum(step, 1), 0, LEVELS - 1)
    table = tf.where(step > 0, table, tf.range(LEVELS)[tf.newaxis])
    found = tf.gather(table, levels, batch_dims=1)
    made = tf.reshape(tf.cast(found, tf.float32) / BYTE, [count, channels, height, width])
    return tf.transpose(made, [0, 2, 3, 1])
