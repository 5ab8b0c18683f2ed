"""From a stored pixel to a model's input."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from featherline.tasks.contracts.dataset import Dataset, InputSpec, Statistics
from featherline.tasks.contracts.modalities.image import OwnPreprocessing, PreprocessingChoice
from featherline.tasks.contracts.preprocessing import Preprocessing
from featherline.tasks.contracts.recipe import ModelSection, known_keys
from featherline.tasks.contracts.references import DatasetRef
from featherline.tasks.contracts.refusal import Refused, from_validation
from featherline.tasks.modalities.image.preprocessing import background, chosen, model_inputs, named, own_of

PIXEL = np.array([[[[255, 51, 0]]]], np.uint8)
"""Red, with a little green."""


@pytest.fixture
def coloured(digits: tuple[DatasetRef, Dataset]) -> Dataset:
    """Give a data set that says it has colours."""
    own = Statistics(scale=255.0, mean=(0.5, 0.25, 0.125), std=(0.5, 0.25, 0.25))
    spec = InputSpec(modality="image", shape=(1, 1, 3), dtype="uint8", statistics=own)
    return digits[1].model_copy(update={"inputs": {"image": spec}})


@pytest.mark.parametrize(
    ("name", "inputs"),
    [
        ("raw", [255, 51, 0]),
        ("unit", [1, 0.2, 0]),
        ("symmetric", [1, -0.6, -1]),
        ("data", [1, -0.2, -0.5]),
        ("imagenet", [(1 - 0.485) / 0.229, (0.2 - 0.456) / 0.224, -0.406 / 0.225]),
        ("caffe", [-103.939, 51 - 116.779, 255 - 123.68]),
    ],
)
def test_each_name_is_one_map(coloured: Dataset, name: str, inputs: list[float]) -> None:
    """Numbers that a person can check: caffe gives blue, green, red."""
    assert model_inputs(PIXEL, named(name, coloured.inputs["image"])).ravel().tolist() == pytest.approx(
        inputs, abs=1e-5
    )


def test_numbers_of_the_recipe_are_in_the_models_order(coloured: Dataset) -> None:
    """With bgr, mean and std are those of blue, green and red; one number stands for all channels."""
    own = chosen(OwnPreprocessing(scale=51, mean=(1, 2, 3), std=2.0, channel_order="bgr"), coloured.inputs["image"])  # type: ignore[arg-type]

    assert model_inputs(PIXEL, own).ravel().tolist() == [-0.5, -0.5, 1.0]


def test_where_there_is_no_image_a_network_sees_the_mean_pixel(coloured: Dataset) -> None:
    """Of its own preprocessing that is 0, exactly, so that nothing is added; of others what the mean pixel becomes."""
    assert background(own_of(coloured.inputs["image"]), coloured.inputs["image"]) is None
    for name, expected in (
        ("unit", [0.5, 0.25, 0.125]),
        ("caffe", [31.875 - 103.939, 63.75 - 116.779, 127.5 - 123.68]),
    ):
        found = background(named(name, coloured.inputs["image"]), coloured.inputs["image"])
        assert found is not None
        assert found.tolist() == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("choice", "got"),
    [
        ("imagenet", "images of 1 channel"),
        ("caffe", "images of 1 channel"),
        (OwnPreprocessing(channel_order="bgr"), "images of 1 channel"),
        (OwnPreprocessing(mean=(1, 2, 3)), "3 numbers"),
        (OwnPreprocessing(std=(1, 2)), "2 numbers"),
        (OwnPreprocessing(mean=()), "0 numbers"),
    ],
)
def test_colours_are_not_for_grey_images(
    digits: tuple[DatasetRef, Dataset], choice: PreprocessingChoice, got: str
) -> None:
    """What has a number for each colour is refused on images of one channel, before anything is trained."""
    with pytest.raises(Refused) as refused:
        chosen(choice, digits[1].inputs["image"])

    assert refused.value.problems[0].got == got


@pytest.mark.parametrize(
    ("value", "what", "fix"),
    [
        ("rawr", "cannot take preprocessing", "did you mean raw?"),
        ({"skale": 255}, "has no key preprocessing.skale", "remove preprocessing.skale, or correct its name"),
        ({"scale": 0.0039}, "cannot take preprocessing.scale", "correct preprocessing.scale in the recipe"),
        ({"std": 0}, "cannot take preprocessing.std", "correct preprocessing.std in the recipe"),
        ({"mean": 1e300}, "cannot take preprocessing.mean", "correct preprocessing.mean in the recipe"),
    ],
)
def test_a_wrong_preprocessing_is_refused_by_its_key(value: object, what: str, fix: str) -> None:
    """The path is the one that a person wrote, without the names of a union's members."""
    given = {"builder": "cnn", "preprocessing": value}
    with pytest.raises(ValidationError) as error:
        ModelSection.model_validate(given)

    (problem,) = from_validation("recipe", error.value, known_keys(), written_in="the recipe", given=given).problems
    assert (problem.what, problem.fix) == (f"recipe {what}", fix)


def test_where_it_comes_from_does_not_make_it_another_one() -> None:
    """Two preprocessings with the same numbers are the same, however they were found."""
    one = Preprocessing(name="unit", scale=255, mean=(0.0,), std=(1.0,), why="given")
    other = Preprocessing(name="own", scale=255, mean=(0.0,), std=(1.0,))

    assert one.numbers() == other.numbers()
