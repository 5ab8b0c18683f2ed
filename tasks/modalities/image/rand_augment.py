"""RandAugment: some operations for each image, drawn from fourteen, all of one magnitude.

    batch ──► an operation an image ──► [by operation: the images that drew it, at once] ──► batch, in order ──► again

Each operation works on the part of the batch that drew it, so that a batch costs one operation an image and round.

Source: Cubuk et al. 2019, https://arxiv.org/abs/1909.13719; what a magnitude of 0 to 30 means is as in torchvision
"""

from __future__ import annotations

import math
from collections.abc import Callable

from featherline.tasks.contracts.modalities.image import MOST_MAGNITUDE, RandAugment
from featherline.tasks.modalities.image import colours, geometry
from featherline.tasks.networks.framework import Tensor, tf

MOST_SHEAR = 0.3
MOST_SHIFT = 150 / 331
"""Of a side."""
MOST_DEGREES = 30.0
MOST_BLEND = 0.9
FEWEST_BITS, ALL_BITS = 4, 8

Operation = Callable[[Tensor, Tensor, float], Tensor]
"""Images (n, height, width, channels) from 0 to 1, but 0 beyond the edge is the ground; the sign of each, (n,); the
magnitude, 0 to 1."""


def _linear(images: Tensor, signs: Tensor, row: tuple[float, float, float, float]) -> Tensor:
    """Return images under the identity and a part of `row` (a0, a1, b0, b1) with the sign of each."""
    linear = tf.constant([[1.0, 0, 0, 1]]) + signs[:, tf.newaxis] * tf.constant([row], tf.float32)
    return geometry.transformed(images, geometry.around_the_middle(images, linear))


def _shear_x(images: Tensor, signs: Tensor, magnitude: float) -> Tensor:
    return _linear(images, signs, (0, MOST_SHEAR * magnitude, 0, 0))


def _shear_y(images: Tensor, signs: Tensor, magnitude: float) -> Tensor:
    return _linear(images, signs, (0, 0, MOST_SHEAR * magnitude, 0))


def _shifted(images: Tensor, x: Tensor, y: Tensor) -> Tensor:
    one, nothing = tf.ones_like(x), tf.zeros_like(x)
    return geometry.transformed(images, tf.stack([one, nothing, x, nothing, one, y], axis=1))


def _translate_x(images: Tensor, signs: Tensor, magnitude: float) -> Tensor:
    return _shifted(images, signs * (MOST_SHIFT * magnitude * images.shape[2]), tf.zeros_like(signs))


def _translate_y(images: Tensor, signs: Tensor, magnitude: float) -> Tensor:
    return _shifted(images, tf.zeros_like(signs), signs * (MOST_SHIFT * magnitude * images.shape[1]))


def _rotate(images: Tensor, signs: Tensor, magnitude: float) -> Tensor:
    angle = math.radians(MOST_DEGREES * magnitude)
    sine, cosine = signs * math.sin(angle), tf.fill(tf.shape(signs), math.cos(angle))
    linear = tf.stack([cosine, -sine, sine, cosine], axis=1)
    return geometry.transformed(images, geometry.around_the_middle(images, linear))


def _factors(signs: Tensor, magnitude: float) -> Tensor:
    return (1 + signs * (MOST_BLEND * magnitude))[:, tf.newaxis, tf.newaxis, tf.newaxis]


MOVES: dict[str, Operation] = {
    "shear_x": _shear_x,
    "shear_y": _shear_y,
    "translate_x": _translate_x,
    "translate_y": _translate_y,
    "rotate": _rotate,
}
"""What moves pixels: 0 comes in from beyond the edge."""
PAINTS: dict[str, Operation] = {
    "identity": lambda images, _signs, _magnitude: images,
    "brightness": lambda images, signs, magnitude: colours.brightness(images, _factors(signs, magnitude)),
    "saturation": lambda images, signs, magnitude: colours.saturation(images, _factors(signs, magnitude)),
    "contrast": lambda images, signs, magnitude: colours.contrast(images, _factors(signs, magnitude)),
    "sharpness": lambda images, signs, magnitude: colours.sharpness(images, _factors(signs, magnitude)),
    "posterize": lambda images, _signs, magnitude: colours.posterize(
        images, ALL_BITS - round((ALL_BITS - FEWEST_BITS) * magnitude)
    ),
    "solarize": lambda images, _signs, magnitude: colours.solarize(images, 1 - magnitude),
    "autocontrast": lambda images, _signs, _magnitude: colours.autocontrast(images),
    "equalize": lambda images, _signs, _magnitude: colours.equalize(images),
}
"""What changes colours. Grey images have no `saturation`: it is left out for them."""


def operations_for(channels: int) -> tuple[str, ...]:
    """Return what is drawn from, by name."""
    return tuple(name for name in (*MOVES, *PAINTS) if name != "saturation" or channels == colours.COLOURS)


def rand_augment(images: Tensor, seed: Tensor, settings: RandAugment, ground: Tensor) -> Tensor:
    """Return images to each of which `settings.operations` operations were applied, drawn with replacement.

    Args:
        images: (n, height, width, channels), from 0 to 1.
        seed: (2,) int32. Equal seeds give equal operations.
        settings: How many, and how strong.
        ground: (channels,), what comes in from beyond the edge.
    """
    names = operations_for(images.shape[-1])
    magnitude, count = settings.magnitude / MOST_MAGNITUDE, tf.shape(images)[0]
    for own in tf.unstack(tf.random.split(seed, settings.operations)):
        of_kind, of_sign = tf.unstack(tf.random.split(own, 2))
        kinds = tf.random.stateless_uniform([count], of_kind, 0, len(names), tf.int32)
        signs = tf.where(tf.random.stateless_uniform([count], of_sign) < 0.5, -1.0, 1.0)  # noqa: PLR2004 - either way
        places = tf.dynamic_partition(tf.range(count), kinds, len(names))
        groups = zip(
            names,
            tf.dynamic_partition(images, kinds, len(names)),
            tf.dynamic_partition(signs, kinds, len(names)),
            strict=True,
        )
        done = [_applied(name, group, sign, magnitude, ground) for name, group, sign in groups]
        images = tf.ensure_shape(tf.dynamic_stitch(places, done), images.shape)
    return images


def _applied(name: str, images: Tensor, signs: Tensor, magnitude: float, ground: Tensor) -> Tensor:
    if name in MOVES:
        return MOVES[name](images - ground, signs, magnitude) + ground
    return PAINTS[name](images, signs, magnitude)
