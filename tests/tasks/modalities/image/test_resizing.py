"""Images of any size become images of one, by a rule that the user of a model can repeat."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps
from pydantic import ValidationError

from featherline.tasks.contracts.dataset import Dataset, InputSpec, Statistics
from featherline.tasks.contracts.modalities.image import ImageIntake
from featherline.tasks.contracts.preprocessing import Resampling, Resize, ResizeMode
from featherline.tasks.contracts.refusal import from_validation
from featherline.tasks.contracts.steps.preprocess import PreprocessInputs, PreprocessParams
from featherline.tasks.data.dataset import read_split
from featherline.tasks.modalities.feeding import own_of
from featherline.tasks.modalities.image.decode import fit
from featherline.tasks.modalities.image.preprocessing import NAMED, in_words, named
from featherline.tasks.modalities.image.resizing import as_code, chosen, fitting, resized
from featherline.tasks.running.context import Context
from featherline.tasks.steps.preprocess import preprocess

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def rule(mode: ResizeMode, resampling: Resampling = "bilinear") -> Resize:
    """Return a rule; a letterbox is blue."""
    return Resize(mode=mode, resampling=resampling, background=BLUE if mode == "letterbox" else None)


def flag() -> Image.Image:
    """Return an image of 12x4: red at its left third, green in the middle, red at the right."""
    pixels = np.zeros((4, 12, 3), np.uint8)
    pixels[:, :4], pixels[:, 4:8], pixels[:, 8:] = RED, GREEN, RED
    return Image.fromarray(pixels)


def test_stretched_all_of_it_is_there() -> None:
    """A wide flag as a square has its three parts, narrower."""
    pixels = np.asarray(resized(flag(), (6, 6), rule("stretch", "nearest")))

    assert [tuple(pixel) for pixel in pixels[3]] == [RED, RED, GREEN, GREEN, RED, RED]


def test_cropped_the_middle_is_there() -> None:
    """A wide flag as a square is its middle part alone; one as twice as wide has a bit of either side."""
    square = np.asarray(resized(flag(), (8, 8), rule("crop", "nearest")))
    wide = np.asarray(resized(flag(), (4, 8), rule("crop", "nearest")))

    assert (square == GREEN).all()
    assert [tuple(pixel) for pixel in wide[0]] == [RED, RED, *[GREEN] * 4, RED, RED]


def test_letterboxed_all_of_it_is_there_with_ground_around() -> None:
    """A wide flag in a square has its proportions, and blue above and below."""
    pixels = np.asarray(resized(flag(), (12, 12), rule("letterbox", "nearest")))

    assert (pixels[:4] == BLUE).all()
    assert (pixels[8:] == BLUE).all()
    assert np.array_equal(pixels[4:8], np.asarray(flag()))


def test_a_tall_letterbox_has_ground_at_its_sides() -> None:
    """The other way round it is the sides; the odd column is at the right."""
    pixels = np.asarray(resized(flag().transpose(Image.Transpose.ROTATE_90), (12, 13), rule("letterbox", "nearest")))

    assert [(pixels[0, column] == BLUE).all() for column in range(13)] == [True] * 4 + [False] * 4 + [True] * 5


def test_a_grey_letterbox_is_of_the_luma() -> None:
    """Blue is dark grey, as Pillow converts colours."""
    grey = Image.new("L", (8, 2), 200)

    pixels = fit(grey, 1, (8, 8), rule("letterbox"))

    assert pixels.shape == (8, 8, 1)
    assert set(np.unique(pixels)) == {29, 200}


def test_the_thinnest_image_keeps_a_pixel() -> None:
    """One of 1x1000 would have no height in 8x8."""
    assert fitting((1, 1000), (8, 8)) == (1, 8)
    assert resized(Image.new("L", (1000, 1)), (8, 8), rule("letterbox")).size == (8, 8)


def test_an_image_of_the_size_is_not_touched() -> None:
    """Whatever the rule, its pixels are those of the file."""
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8))

    for mode in get_args(ResizeMode):
        assert np.array_equal(fit(image, 3, (5, 7), rule(mode, "lanczos")), np.asarray(image))


@pytest.mark.parametrize("mode", get_args(ResizeMode))
@pytest.mark.parametrize("resampling", get_args(Resampling))
@pytest.mark.parametrize("grey", [False, True], ids=["colours", "grey"])
def test_the_code_of_the_card_does_the_same(mode: ResizeMode, resampling: Resampling, *, grey: bool) -> None:
    """Copied and run, it gives the very pixels that a data set has."""
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (37, 53, 3), np.uint8))
    image = noise.convert("L") if grey else noise
    for size in ((16, 16), (9, 31), (64, 48)):
        known: dict[str, Any] = {"Image": Image, "ImageOps": ImageOps, "image": image}

        exec("\n".join(as_code(rule(mode, resampling), size)), known)  # noqa: S102 - the text that users copy

        assert np.array_equal(np.asarray(known["image"]), np.asarray(resized(image, size, rule(mode, resampling))))


@pytest.fixture
def flags(tmp_path: Path) -> Path:
    """Give a folder of two classes of wide images of several sizes."""
    generator = np.random.default_rng(0)
    for name in ("day", "night"):
        (tmp_path / "flags" / name).mkdir(parents=True)
        for number in range(12):
            pixels = generator.integers(0, 256, (20 + number, 40, 3), np.uint8)
            buffer = io.BytesIO()
            Image.fromarray(pixels).save(buffer, "PNG")
            (tmp_path / "flags" / name / f"{number}.png").write_bytes(buffer.getvalue())
    return tmp_path / "flags"


def made(context: Context, source: Path, **given: object) -> tuple[Dataset, NDArray[np.uint8]]:
    """Preprocess a folder to 8x8 and return the data set, and its images of train."""
    params = PreprocessParams.model_validate(
        {"name": "flags", "source": str(source), "image_size": [8, 8], "calibration_count": 4, **given}
    )
    dataset = context.store.read(preprocess(PreprocessInputs(), params, context).data, Dataset)
    return dataset, read_split(context.store, dataset, "train")[0]["image"]


def test_the_rule_goes_with_the_data_and_with_every_preprocessing(flags: Path, context: Context) -> None:
    """Each mode makes other pixels, and the model that is fed by any name says how they were made."""
    datasets = {mode: made(context, flags, resize=mode, background=list(RED)) for mode in get_args(ResizeMode)}

    for mode, (dataset, _) in datasets.items():
        spec = dataset.inputs["image"]
        assert spec.resize == Resize(mode=mode, resampling="bilinear", background=RED if mode == "letterbox" else None)
        assert own_of(dataset)["image"].resize == spec.resize
        assert {named(name, spec).resize for name in NAMED} == {spec.resize}
    first, second, third = (images for _, images in datasets.values())
    assert not np.array_equal(first, second)
    assert not np.array_equal(second, third)
    assert (third == RED).all(axis=-1).any()


def test_images_that_come_in_their_size_have_no_rule() -> None:
    """Where the recipe names no size nothing is resized, and the model says nothing of it."""
    own = Statistics(scale=255.0, mean=(0.5,), std=(0.5,))
    spec = InputSpec(modality="image", shape=(2, 2, 1), dtype="uint8", statistics=own)

    assert chosen(ImageIntake()) is None
    assert in_words(named("data", spec)) == "data: (pixel / 255 - 0.5) / 0.5"


def test_the_rule_is_told_in_words() -> None:
    """Log and report say it before the numbers."""
    own = Statistics(scale=255.0, mean=(0.5,), std=(0.5,))
    spec = InputSpec(modality="image", shape=(2, 2, 1), dtype="uint8", statistics=own, resize=rule("letterbox"))

    told = "images resized to fit the input, in the middle of a ground of the colour (0, 0, 255), bilinear"
    assert in_words(named("data", spec)) == f"{told}; data: (pixel / 255 - 0.5) / 0.5"


@pytest.mark.parametrize(
    ("given", "what", "got"),
    [
        ({"resize": "croped", "image_size": [8, 8]}, "data cannot take resize", "croped"),
        ({"resampling": "cubic", "image_size": [8, 8]}, "data cannot take resampling", "cubic"),
        ({"background": [0, 0, 256]}, "data cannot take background.2", "256"),
        ({"background": [0, 0]}, "data lacks background.2", "nothing"),
        ({"resize": "crop"}, "data does not hold together", "{'resize': 'crop'}"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(given: dict[str, object], what: str, got: str) -> None:
    """A name that is close, a colour out of range, and a rule without a size, each by message."""
    with pytest.raises(ValidationError) as error:
        ImageIntake.model_validate(given)

    (problem,) = from_validation("data", error.value, given=given).problems
    assert (problem.what, problem.got) == (what, got)
    if "croped" in got:
        assert problem.fix == "did you mean crop?"
