"""Random views of a batch, inside the training step, so that student and teacher see the same one."""

from __future__ import annotations

from typing import Any

import numpy as np

from featherline.tasks.contracts.dataset import Shape
from featherline.tasks.contracts.fit import Fit
from featherline.tasks.contracts.preprocessing import Preprocessing
from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.modalities.image.beginnings import takes_bytes
from featherline.tasks.modalities.image.preprocessing_in_graph import model_inputs
from featherline.tasks.modalities.protocol import View
from featherline.tasks.networks.framework import KerasModel, Tensor, tf


class ImageViews:
    """Images mirrored, moved, partly hidden and mixed."""

    def moves(self, fit: Fit) -> bool:
        """Return whether views differ from epoch to epoch."""
        return moves(fit)

    def check(self, fit: Fit, shape: Shape) -> None:
        """Refuse a cutout that hides whole images."""
        if fit.cutout >= min(shape[:2]):
            raise refuse(
                "a cutout that hides whole images",
                expected=f"fit.cutout below the images' shorter side, {min(shape[:2])} pixels",
                got=f"{fit.cutout}",
                fix="a quarter to a half of it is usual",
            )

    def model_input(self, stored: Any, preprocessing: Preprocessing, /) -> Any:  # noqa: ANN401 - tensors
        """Return images as a model takes them."""
        return model_inputs(stored, preprocessing)

    def augment(self, examples: Any, seed: Any, fit: Fit, background: Any = None) -> View:  # noqa: ANN401 - tensors
        """Return a random view of each image."""
        return augment(examples, seed, fit, background)

    def own_scaling(self, model: KerasModel) -> str:
        """Return the layers with which a network scales pixels by itself."""
        return takes_bytes(model)


def moves(fit: Fit) -> bool:
    """Return whether views differ from epoch to epoch."""
    return fit.flip or fit.crop > 0 or fit.cutout > 0 or fit.mixup > 0


def augment(images: Tensor, seed: Any, fit: Fit, background: Any = None) -> View:  # noqa: ANN401 - tensors have no types
    """Return a random view of each image, of the same shape.

    Args:
        images: (n, height, width, channels), as the model takes them.
        seed: (2,) int32. Equal seeds give equal views.
        fit: What to do. `flip` mirrors each image left to right with probability 1/2. `crop` moves each by up to this
            many pixels either way, down and right apart; what comes in from outside is the background. `cutout`
            lays a square of this many pixels a side over it, its middle anywhere in the image. `mixup` mixes
            each with another one.
        background: What the mean pixel of the data became, (channels,); 0 where absent. Views of one image under two
            preprocessings are then the same view: each is the other's, mapped.

    Source: DeVries and Taylor 2017, https://arxiv.org/abs/1708.04552 (cutout); Zhang et al. 2018,
    https://arxiv.org/abs/1710.09412 (mixup)
    """
    if background is not None:
        view = augment(images - background, seed, fit)
        return View(view.inputs + background, view.share)
    if fit.flip:
        mirrored = tf.random.stateless_uniform([tf.shape(images)[0], 1, 1, 1], _draw(seed, 1)) < 0.5  # noqa: PLR2004
        images = tf.where(mirrored, tf.reverse(images, [2]), images)
    if fit.crop:
        images = _shift(_shift(images, _draw(seed, 2), 1, fit.crop), _draw(seed, 3), 2, fit.crop)
    if fit.cutout:
        images = _cut_out(images, seed, fit.cutout)
    if not fit.mixup:
        return View(images, None)
    share = _share(tf.shape(images)[:1], seed, fit.mixup)
    own = share[:, tf.newaxis, tf.newaxis, tf.newaxis]
    return View(own * images + (1 - own) * tf.reverse(images, [0]), share)


def _draw(seed: Any, number: int) -> Tensor:  # noqa: ANN401
    return seed + tf.constant([0, number])


def _shift(images: Tensor, seed: Any, axis: int, most: int) -> Tensor:  # noqa: ANN401
    """Shift each image along one axis by its own random number of pixels."""
    count, length = tf.shape(images)[0], images.shape[axis]
    padding = [[0, 0]] * 4
    padding[axis] = [most, most]
    offsets = tf.random.stateless_uniform([count, 1], seed, 0, 2 * most + 1, tf.int32)
    return tf.gather(tf.pad(images, padding), offsets + tf.range(length)[tf.newaxis], axis=axis, batch_dims=1)


def _cut_out(images: Tensor, seed: Any, side: int) -> Tensor:  # noqa: ANN401
    """Lay a square over each image, cut off where it reaches over the edge."""
    count, height, width = tf.shape(images)[0], images.shape[1], images.shape[2]
    rows = _within(count, height, side, _draw(seed, 4))[:, :, tf.newaxis, tf.newaxis]
    columns = _within(count, width, side, _draw(seed, 5))[:, tf.newaxis, :, tf.newaxis]
    return tf.where(rows & columns, tf.zeros_like(images), images)


def _within(count: Any, length: int, side: int, seed: Any) -> Tensor:  # noqa: ANN401
    """Return which of `length` places lie in a stretch of `side` of them around a random one, (count, length)."""
    first = tf.random.stateless_uniform([count, 1], seed, 0, length, tf.int32) - side // 2
    place = tf.range(length)[tf.newaxis]
    return (place >= first) & (place < first + side)


def _share(shape: Any, seed: Any, alpha: float) -> Tensor:  # noqa: ANN401
    """Draw from Beta(alpha, alpha), the larger part, so that an image's own label stays its main one."""
    one, other = (tf.random.stateless_gamma(shape, _draw(seed, number), alpha) for number in (6, 7))
    share = one / (one + other)
    # Of a small alpha both draws may be too small for float32, which tells nothing; such a Beta lies at its ends.
    drawn = tf.maximum(one, other) > np.finfo(np.float32).tiny
    return tf.where(drawn, tf.maximum(share, 1 - share), tf.ones_like(share))
