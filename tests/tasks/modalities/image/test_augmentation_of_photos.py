"""Random parts, colours and operations: the same for equal seeds, one by one for each image, and what Pillow makes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps
from pydantic import ValidationError

from featherline.tasks.contracts.base import strictly
from featherline.tasks.contracts.fit import Fit
from featherline.tasks.contracts.modalities.image import ColourJitter, RandAugment, RandomResizedCrop
from featherline.tasks.contracts.preprocessing import Preprocessing
from featherline.tasks.contracts.refusal import Refused, from_validation
from featherline.tasks.contracts.steps.prune import PruneParams
from featherline.tasks.contracts.steps.quantize import QuantizeParams
from featherline.tasks.modalities.image import colours
from featherline.tasks.modalities.image.augmentation import ImageViews, augment, moves
from featherline.tasks.modalities.image.geometry import parts, random_resized_crop
from featherline.tasks.modalities.image.preprocessing import model_inputs
from featherline.tasks.modalities.image.rand_augment import MOVES, PAINTS, operations_for, rand_augment
from featherline.tasks.modalities.protocol import Space
from featherline.tasks.networks.framework import tf

SEED = tf.constant([5, 16], tf.int32)
PHOTOS = np.random.default_rng(0).integers(0, 256, (24, 16, 20, 3)).astype(np.uint8)
UNIT = tf.constant(PHOTOS / np.float32(255), tf.float32)
EVERYTHING: dict[str, Any] = {
    "flip": True,
    "crop": 2,
    "random_resized_crop": {},
    "colour_jitter": {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1},
    "rand_augment": {},
}


def pixels(images: Any) -> np.ndarray[Any, Any]:
    """Return a batch of 0 to 1 as bytes."""
    return np.rint(np.asarray(images) * 255).astype(np.int64)


@pytest.mark.parametrize("name", [*EVERYTHING])
def test_equal_seeds_give_equal_views_and_others_do_not(name: str) -> None:
    """Compiled and in batches of any size, a view depends on its seed alone."""
    fit = Fit(**{name: EVERYTHING[name]})
    view = tf.function(lambda images, seed: augment(images, seed, fit).inputs)

    first, again = view(UNIT, SEED).numpy(), augment(UNIT, SEED, fit).inputs.numpy()
    other = view(UNIT, SEED + tf.constant([0, 8])).numpy()

    assert moves(fit)
    assert first.shape == UNIT.shape
    assert np.allclose(first, again, atol=1e-5)
    assert not np.allclose(first, other, atol=1e-2)


@pytest.mark.parametrize(
    "how",
    [
        Preprocessing(name="imagenet", scale=255.0, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
        Preprocessing(name="caffe", scale=1.0, mean=(103.9, 116.8, 123.7), std=(1.0, 1.0, 1.0), channel_order="bgr"),
    ],
    ids=["imagenet", "caffe"],
)
def test_views_are_the_same_whatever_the_model_is_fed_by(how: Preprocessing) -> None:
    """Mapped by two preprocessings, one of them with its channels turned round, a photo has one view."""
    raw = Preprocessing(name="raw", scale=1.0, mean=(0.0,) * 3, std=(1.0,) * 3)
    fit = Fit(**EVERYTHING)
    mean_pixel = np.array([[[[120, 110, 100]]]], np.uint8)
    views = [
        augment(
            tf.constant(model_inputs(PHOTOS, each)),
            SEED,
            fit,
            model_inputs(mean_pixel, each).reshape(3),
            Space(each, 255.0),
        ).inputs.numpy()
        for each in (raw, how)
    ]

    mapped = model_inputs(views[0], how)

    scale = np.abs(mapped).max()
    wrong = np.abs(mapped - views[1]) > 0.02 * scale  # a posterized or equalized pixel may fall to the next level
    assert wrong.mean() < 0.01


def test_a_part_lies_within_the_image_and_has_the_area_that_is_asked() -> None:
    """Of a thousand parts none reaches beyond, areas are of the range, and so are the proportions."""
    settings = RandomResizedCrop(scale=(0.2, 0.5), ratio=(0.5, 2.0))

    tops, lefts, heights, widths = (each.numpy() for each in parts(tf.constant(1000), (16, 20), SEED, settings))

    assert min(tops.min(), lefts.min()) >= 0
    assert (tops + heights).max() <= 16 + 1e-4
    assert (lefts + widths).max() <= 20 + 1e-4
    area, ratio = heights * widths / 320, widths / heights
    assert pytest.approx((area.min(), area.max()), abs=0.02) == (0.2, 0.5)
    assert pytest.approx((ratio.min(), ratio.max()), abs=0.1) == (0.5, 2.0)


def test_a_part_that_cannot_lie_within_is_the_largest_in_the_middle() -> None:
    """All of the area in a square cannot be had of 16x20: it is 16x16, two pixels from the left."""
    settings = RandomResizedCrop(scale=(1.0, 1.0), ratio=(1.0, 1.0))

    tops, lefts, heights, widths = (float(each[0]) for each in parts(tf.constant(1), (16, 20), SEED, settings))

    assert (tops, lefts, heights, widths) == pytest.approx((0, 2, 16, 16))


def test_the_whole_image_as_its_part_is_the_image() -> None:
    """Nothing is resampled away."""
    settings = RandomResizedCrop(scale=(1.0, 1.0), ratio=(1.25, 1.25))

    assert np.allclose(random_resized_crop(UNIT, SEED, settings), UNIT, atol=1e-5)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (
            lambda x: colours.brightness(x, tf.fill([24, 1, 1, 1], 1.4)),
            lambda i: ImageEnhance.Brightness(i).enhance(1.4),
        ),
        (lambda x: colours.contrast(x, tf.fill([24, 1, 1, 1], 0.5)), lambda i: ImageEnhance.Contrast(i).enhance(0.5)),
        (lambda x: colours.saturation(x, tf.fill([24, 1, 1, 1], 1.6)), lambda i: ImageEnhance.Color(i).enhance(1.6)),
        (lambda x: colours.sharpness(x, tf.fill([24, 1, 1, 1], 1.9)), lambda i: ImageEnhance.Sharpness(i).enhance(1.9)),
        (lambda x: colours.posterize(x, 3), lambda i: ImageOps.posterize(i, 3)),
        (lambda x: colours.solarize(x, 128 / 255), lambda i: ImageOps.solarize(i, 128)),
        (colours.autocontrast, ImageOps.autocontrast),
        (colours.equalize, ImageOps.equalize),
    ],
    ids=["brightness", "contrast", "saturation", "sharpness", "posterize", "solarize", "autocontrast", "equalize"],
)
def test_colours_change_as_pillow_changes_them(ours: Any, theirs: Any) -> None:
    """Within two of 255 levels: Pillow rounds on the way."""
    dark = PHOTOS // 2 + 20
    made = pixels(ours(tf.constant(dark / np.float32(255), tf.float32)))

    expected = np.stack([np.asarray(theirs(Image.fromarray(photo))) for photo in dark]).astype(np.int64)

    assert np.abs(made - expected).max() <= 2


def test_a_hue_turns_by_a_third() -> None:
    """Red becomes green; grey stays; each image by its own turn."""
    red, grey = [1.0, 0.0, 0.0], [0.5, 0.5, 0.5]
    images = tf.constant([[[red, grey]], [[red, grey]]])

    turned = colours.hue(images, tf.constant([1 / 3, 0.0])[:, tf.newaxis, tf.newaxis, tf.newaxis]).numpy()

    assert np.allclose(turned, [[[[0, 1, 0], grey]], [[red, grey]]], atol=1e-5)


def test_each_image_draws_its_own_operation() -> None:
    """Of many copies of one photo as many views come out as there are operations; some are untouched."""
    copies = tf.repeat(UNIT[:1], 200, axis=0)

    views = rand_augment(copies, SEED, RandAugment(operations=1, magnitude=9), tf.zeros([3])).numpy()

    different = np.unique(np.round(views.reshape(200, -1), 4), axis=0)
    assert 14 <= len(different) <= 9 * 2 + 5  # nine with a sign, five without
    assert (np.abs(views - copies.numpy()).max(axis=(1, 2, 3)) < 1e-6).any()


def test_no_magnitude_leaves_most_as_it_is() -> None:
    """At 0 only those that have none change something: autocontrast, equalize, and solarize at white."""
    for name in ("shear_x", "translate_y", "rotate"):
        assert np.allclose(MOVES[name](UNIT, tf.ones([24]), 0.0), UNIT, atol=1e-4)
    for name in ("identity", "brightness", "saturation", "contrast", "sharpness", "posterize"):
        assert np.allclose(PAINTS[name](UNIT, tf.ones([24]), 0.0), UNIT, atol=1e-5)


def test_what_comes_in_from_beyond_is_the_ground() -> None:
    """A shifted image shows the ground's own colour, whichever that is."""
    images, ground = tf.ones([3, 8, 8, 3]), tf.constant([0.1, 0.2, 0.3])

    views = rand_augment(tf.repeat(images, 40, axis=0), SEED, RandAugment(operations=1, magnitude=30), ground).numpy()

    corner = views[:, 0, 0][np.ptp(views, axis=(1, 2)).max(axis=-1) > 0.5]
    assert np.isclose(corner, [0.1, 0.2, 0.3], atol=1e-3).all(axis=1).any()


def test_grey_images_have_thirteen_operations() -> None:
    """Saturation is left out by name, and all others run, of one image alone too."""
    assert set(operations_for(3)) - set(operations_for(1)) == {"saturation"}
    assert len(operations_for(3)) == 14
    for seed in range(4):
        grey = rand_augment(UNIT[:1, ..., :1], tf.constant([seed, 0]), RandAugment(operations=3), tf.zeros([1]))
        assert grey.shape == (1, 16, 20, 1)
        assert 0 <= float(tf.reduce_min(grey)) <= float(tf.reduce_max(grey)) <= 1


@pytest.mark.parametrize(
    ("jitter", "refused"), [({"hue": 0.1}, True), ({"saturation": 1}, True), ({"contrast": 1}, False)]
)
def test_colours_of_grey_images_are_refused(jitter: dict[str, float], *, refused: bool) -> None:
    """Before the first step; brightness and contrast are there for all."""
    fit = Fit(colour_jitter=ColourJitter(**jitter))
    if not refused:
        ImageViews().check(fit, (8, 8, 1))
        return

    with pytest.raises(Refused) as error:
        ImageViews().check(fit, (8, 8, 1))

    assert error.value.problems[0].what == "colour_jitter asks for colours of images that have none"
    ImageViews().check(fit, (8, 8, 3))


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"random_resized_crop": {"scale": [0.5, 1.5]}}, "train cannot take random_resized_crop.scale.1"),
        ({"random_resized_crop": {"scale": [0, 1]}}, "train cannot take random_resized_crop.scale.0"),
        ({"random_resized_crop": {"scale": [0.9, 0.1]}}, "train cannot take random_resized_crop"),
        ({"random_resized_crop": {"ratio": [2, 0.5]}}, "train cannot take random_resized_crop"),
        ({"colour_jitter": {"hue": 0.6}}, "train cannot take colour_jitter.hue"),
        ({"colour_jitter": {"contrast": -1}}, "train cannot take colour_jitter.contrast"),
        ({"rand_augment": {"magnitude": 31}}, "train cannot take rand_augment.magnitude"),
        ({"rand_augment": {"operations": 0}}, "train cannot take rand_augment.operations"),
        ({"rand_augment": {"magnitud": 3}}, "train has no key rand_augment.magnitud"),
        ({"color_jitter": {}}, "train has no key color_jitter"),
    ],
)
def test_views_that_cannot_be_are_refused(given: dict[str, object], what: str) -> None:
    """Out of range, in the wrong order, or misspelt."""
    with pytest.raises(ValidationError) as error:
        Fit.model_validate(given)

    assert what in [problem.what for problem in from_validation("train", error.value, given=given).problems]


def test_a_part_may_be_asked_of_any_step() -> None:
    """A step whose parameters are read in two goes takes the lists of a recipe all the same."""
    fit = {"random_resized_crop": {"scale": [0.35, 1.0]}}

    for params in (PruneParams, QuantizeParams):
        read = strictly(params, {"fit": fit})  # type: ignore[type-var]
        assert read.fit.random_resized_crop == RandomResizedCrop(scale=(0.35, 1.0))  # type: ignore[attr-defined]
