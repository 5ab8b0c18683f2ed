"""Random views of a batch, inside the training step, so that student and teacher see the same one."""

from __future__ import annotations

from typing import Any

import numpy as np

from featherline.tasks.contracts.dataset import Shape
from featherline.tasks.contracts.fit import Fit
from featherline.tasks.contracts.preprocessing import Preprocessing
from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.modalities.image.beginnings import takes_bytes
from featherline.tasks.modalities.image.colour_jitter import colour_jitter
from featherline.tasks.modalities.image.colours import COLOURS
from featherline.tasks.modalities.image.geometry import random_resized_crop
from featherline.tasks.modalities.image.preprocessing_in_graph import model_inputs
from featherline.tasks.modalities.image.rand_augment import rand_augment
from featherline.tasks.modalities.protocol import Space, View
from featherline.tasks.networks.framework import KerasModel, Tensor, tf

CROP, COLOUR_JITTER, RAND_AUGMENT = range(100, 103)
"""Seeds of their own, beside the numbered draws."""


class ImageViews:
    """Images mirrored, moved, partly hidden and mixed."""

    def moves(self, fit: Fit) -> bool:
        """Return whether views differ from epoch to epoch."""
        return moves(fit)

    def check(self, fit: Fit, shape: Shape) -> None:
        """Refuse a cutout that hides whole images, and colours of grey ones."""
        jitter, channels = fit.colour_jitter, shape[-1]
        if jitter and channels != COLOURS and (jitter.saturation or jitter.hue):
            raise refuse(
                "colour_jitter asks for colours of images that have none",
                expected=f"no saturation and no hue for images of {channels} channel{'s' * (channels > 1)}",
                got=f"saturation {jitter.saturation:g}, hue {jitter.hue:g}",
                fix="leave both out, or set data.channels: 3",
            )
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

    def augment(
        self,
        examples: Any,  # noqa: ANN401 - tensors
        seed: Any,  # noqa: ANN401
        fit: Fit,
        background: Any = None,  # noqa: ANN401
        space: Space | None = None,
    ) -> View:
        """Return a random view of each image."""
        return augment(examples, seed, fit, background, space)

    def own_scaling(self, model: KerasModel) -> str:
        """Return the layers with which a network scales pixels by itself."""
        return takes_bytes(model)


def moves(fit: Fit) -> bool:
    """Return whether views differ from epoch to epoch."""
    new = fit.random_resized_crop or fit.colour_jitter or fit.rand_augment
    return fit.flip or fit.crop > 0 or fit.cutout > 0 or fit.mixup > 0 or new is not None


def augment(
    images: Tensor,
    seed: Any,  # noqa: ANN401 - tensors have no types
    fit: Fit,
    background: Any = None,  # noqa: ANN401
    space: Space | None = None,
) -> View:
    """Return a random view of each image, of the same shape.

    Args:
        images: (n, height, width, channels), as the model takes them.
        seed: (2,) int32. Equal seeds give equal views.
        fit: What to do. `flip` mirrors each image left to right with probability 1/2. `crop` moves each by up to this
            many pixels either way, down and right apart; what comes in from outside is the background. `cutout`
            lays a square of this many pixels a side over it, its middle anywhere in the image. `mixup` mixes
            each with another one. `random_resized_crop` comes first; `colour_jitter` and `rand_augment` come after
            `crop`, on the pixels as they were stored, from 0 to 1.
        background: What the mean pixel of the data became, (channels,); 0 where absent. Views of one image under two
            preprocessings are then the same view: each is the other's, mapped.
        space: What the values of the images mean; from 0 to 1 where absent. Only colours ask for it.

    Source: DeVries and Taylor 2017, https://arxiv.org/abs/1708.04552 (cutout); Zhang et al. 2018,
    https://arxiv.org/abs/1710.09412 (mixup)
    """
    if fit.random_resized_crop:
        images = random_resized_crop(images, _own(seed, CROP), fit.random_resized_crop)
    ground = None if background is None else tf.constant(background, tf.float32)
    images = _moved(images if ground is None else images - ground, seed, fit)
    if fit.colour_jitter or fit.rand_augment:
        nothing = tf.zeros([images.shape[-1]]) if ground is None else ground
        images = _coloured(images + nothing, seed, fit, nothing, space) - nothing
    view = _hidden_and_mixed(images, seed, fit)
    return view if ground is None else View(view.inputs + ground, view.share)


def _moved(images: Tensor, seed: Any, fit: Fit) -> Tensor:  # noqa: ANN401
    """Return images mirrored and shifted; 0 comes in."""
    if fit.flip:
        mirrored = tf.random.stateless_uniform([tf.shape(images)[0], 1, 1, 1], _draw(seed, 1)) < 0.5  # noqa: PLR2004
        images = tf.where(mirrored, tf.reverse(images, [2]), images)
    if fit.crop:
        images = _shift(_shift(images, _draw(seed, 2), 1, fit.crop), _draw(seed, 3), 2, fit.crop)
    return images


def _coloured(images: Tensor, seed: Any, fit: Fit, ground: Tensor, space: Space | None) -> Tensor:  # noqa: ANN401
    """Return model inputs of other colours: as pixels from 0 to 1, and back."""
    turned = space is not None and space.preprocessing.channel_order == "bgr"
    black, white = (0.0, 1.0) if space is None else _ends(space)
    pixels, theirs = ((values - black) / (white - black) for values in (images, ground))
    if turned:
        pixels, theirs = tf.reverse(pixels, [-1]), tf.reverse(theirs, [-1])
    if fit.colour_jitter:
        pixels = colour_jitter(pixels, _own(seed, COLOUR_JITTER), fit.colour_jitter)
    if fit.rand_augment:
        pixels = rand_augment(pixels, _own(seed, RAND_AUGMENT), fit.rand_augment, theirs)
    return (tf.reverse(pixels, [-1]) if turned else pixels) * (white - black) + black


def _ends(space: Space) -> tuple[Any, Any]:
    """Return what black and white became, (channels,) each, in the order of the model's channels."""
    how = space.preprocessing
    mean, std = np.asarray(how.mean, np.float32), np.asarray(how.std, np.float32)
    return -mean / std, (np.float32(space.largest / how.scale) - mean) / std


def _hidden_and_mixed(images: Tensor, seed: Any, fit: Fit) -> View:  # noqa: ANN401
    if fit.cutout:
        images = _cut_out(images, seed, fit.cutout)
    if not fit.mixup:
        return View(images, None)
    share = _share(tf.shape(images)[:1], seed, fit.mixup)
    own = share[:, tf.newaxis, tf.newaxis, tf.newaxis]
    return View(own * images + (1 - own) * tf.reverse(images, [0]), share)


def _draw(seed: Any, number: int) -> Tensor:  # noqa: ANN401
    return seed + tf.constant([0, number])


def _own(seed: Any, number: int) -> Tensor:  # noqa: ANN401
    """Return a seed for what needs many draws, which no other draw of any batch has."""
    return tf.random.fold_in(seed, number)


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
