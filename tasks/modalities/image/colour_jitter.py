"""Colour jitter: brightness, contrast, saturation and hue of each image, by chance and in this order.

Source: Howard 2013, https://arxiv.org/abs/1312.5402; ranges as in torchvision
"""

from __future__ import annotations

from featherline.tasks.contracts.modalities.image import ColourJitter
from featherline.tasks.modalities.image import colours
from featherline.tasks.networks.framework import Tensor, tf


def colour_jitter(images: Tensor, seed: Tensor, settings: ColourJitter) -> Tensor:
    """Return images of other colours.

    Args:
        images: (n, height, width, channels), from 0 to 1.
        seed: (2,) int32. Equal seeds give equal colours.
        settings: The factor of each of the first three is from 1 less the number to 1 plus it, not below 0; the hue is
            turned by up to the number either way, of a whole circle.
    """
    seeds = tf.unstack(tf.random.split(seed, 4))
    shape = [tf.shape(images)[0], 1, 1, 1]
    blends = (
        (colours.brightness, settings.brightness),
        (colours.contrast, settings.contrast),
        (colours.saturation, settings.saturation),
    )
    for own, (operation, most) in zip(seeds, blends, strict=False):
        if most:
            images = operation(images, tf.random.stateless_uniform(shape, own, max(0.0, 1 - most), 1 + most))
    if settings.hue:
        images = colours.hue(images, tf.random.stateless_uniform(shape, seeds[3], -settings.hue, settings.hue))
    return images
