"""What a model file is fed by: found on the validation split, or refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from featherline.tasks.contracts.dataset import Dataset, InputSpec, Profile, Shard, Split, Statistics
from featherline.tasks.contracts.modalities.image import OwnPreprocessing, PreprocessingChoice
from featherline.tasks.contracts.preprocessing import Preprocessing
from featherline.tasks.contracts.references import SamplesRef
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.modalities.image.preprocessing import named
from featherline.tasks.networks.framework import keras
from featherline.tasks.store.artifacts import Store
from featherline.tasks.training.foreign_preprocessing import preprocessing_of_built, preprocessing_of_file

L = keras.layers
SHAPE = (2, 2, 3)
COLOURS = {"red": (200, 70, 70), "green": (70, 170, 70), "blue": (60, 80, 190), "grey": (120, 120, 120)}
SPREAD = 35.0
"""Of a colour, in pixels: so much that about one image of seven is taken for another."""


@pytest.fixture
def dataset(store: Store) -> Dataset:
    """Give images of one colour each, four classes of colours, 400 of them to validate with."""
    generator = np.random.default_rng(0)
    labels = np.arange(400) % len(COLOURS)
    colours = np.array(list(COLOURS.values()))[labels] + generator.normal(0, SPREAD, (400, 3))
    images = np.broadcast_to(colours.clip(0, 255).astype(np.uint8)[:, np.newaxis, np.newaxis], (400, *SHAPE))
    shard = Shard(
        examples={"image": store.put_array(np.ascontiguousarray(images))}, targets=store.put_array(labels), count=400
    )
    own = Statistics(
        scale=255.0,
        mean=tuple(float(value) for value in images.mean((0, 1, 2)) / 255),
        std=tuple(float(value) for value in images.std((0, 1, 2)) / 255),
    )
    split = Split(
        shards=(shard,), count=400, strata=(100,) * 4, profiles={"image": Profile(mean=own.mean, std=own.std)}
    )
    return Dataset(
        name="colours",
        inputs={"image": InputSpec(modality="image", shape=SHAPE, dtype="uint8", statistics=own)},
        vocabulary=tuple(COLOURS),
        splits={"validation": split},
        samples=store.put_bytes(b"", SamplesRef),
    )


def trained(fed: Preprocessing, order: tuple[int, ...] = (0, 1, 2, 3), *firsts: Any) -> Any:
    """Return the best linear model of these colours that is fed so, its outputs in some order."""
    turn = slice(None, None, -1) if fed.channel_order == "bgr" else slice(None)
    scale, mean, std = fed.scale, np.asarray(fed.mean), np.asarray(fed.std)
    means = (np.array(list(COLOURS.values()))[list(order)][:, turn] / scale - mean) / std
    variance = (SPREAD / scale / std) ** 2
    dense = L.Dense(len(COLOURS))
    model = keras.Sequential([L.Input(SHAPE), *firsts, L.GlobalAveragePooling2D(), dense])
    dense.set_weights([(means / variance).T, -(means**2 / variance).sum(axis=1) / 2])
    return model


def found(
    model: Any, dataset: Dataset, store: Store, choice: PreprocessingChoice = "auto", **more: Any
) -> Preprocessing:
    """Return what a file is found to be fed by."""
    return preprocessing_of_file(model, "mine.keras", choice, dataset, store, **more)["image"]


@pytest.mark.parametrize("name", ["raw", "unit", "symmetric", "data", "imagenet", "caffe"])
def test_what_a_model_was_trained_with_is_found(name: str, dataset: Dataset, store: Store) -> None:
    """The best of the candidates, with the figures of all, in words and as numbers."""
    right = named(name, dataset.inputs["image"])

    own = found(trained(right), dataset, store)

    assert own.numbers() == right.numbers()
    assert own.measured[name] == max(own.measured.values()) > 0.8
    assert set(own.measured) >= {"raw", "unit", "symmetric", "data", "imagenet", "caffe"}
    assert all(f"{other} {100 * value:.2f} %" in own.why for other, value in own.measured.items())


def test_channels_turned_round_are_found(dataset: Dataset, store: Store) -> None:
    """What OpenCV reads is blue, green, red, whatever the scale."""
    unit = named("unit", dataset.inputs["image"])
    own = found(trained(unit.model_copy(update={"channel_order": "bgr"})), dataset, store)

    assert own.name == "unit-bgr"
    assert own.numbers() == (255.0, (0.0,) * 3, (1.0,) * 3, "bgr")


def test_a_model_that_scales_itself_is_fed_bytes(dataset: Dataset, store: Store) -> None:
    """Nothing is measured but itself, and the layer is named."""
    own = found(
        trained(named("unit", dataset.inputs["image"]), (0, 1, 2, 3), L.Rescaling(1 / 255, name="scale")),
        dataset,
        store,
    )

    assert (own.name, own.why, own.measured) == ("raw", "the file begins with Rescaling scale", {})


def test_a_scaling_of_what_was_scaled_before_is_measured(dataset: Dataset, store: Store) -> None:
    """A model whose Rescaling makes -1..1 of 0..1 is fed 0..1."""
    rescaling = L.Rescaling(2.0, offset=-1.0)

    assert (
        found(trained(named("symmetric", dataset.inputs["image"]), (0, 1, 2, 3), rescaling), dataset, store).name
        == "unit"
    )


def test_classes_in_another_order_are_refused_with_the_right_one(dataset: Dataset, store: Store) -> None:
    """The list is what data.classes must be, in the order of the model's outputs; with it the file is taken."""
    model = trained(named("unit", dataset.inputs["image"]), (2, 0, 3, 1))

    with pytest.raises(Refused) as refused:
        found(model, dataset, store)

    (problem,) = refused.value.problems
    assert problem.what == "mine.keras has the classes of colours in another order"
    assert problem.fix == 'set data.classes: ["blue", "red", "grey", "green"]'
    assert json.loads(problem.fix.partition(": ")[2])[0] == "blue"


def test_another_order_is_refused_where_the_preprocessing_is_given_too(dataset: Dataset, store: Store) -> None:
    """How a model is fed says nothing of what its outputs mean."""
    with pytest.raises(Refused, match="another order"):
        found(trained(named("unit", dataset.inputs["image"]), (2, 0, 3, 1)), dataset, store, "unit")


def knows_nothing(*firsts: Any) -> Any:
    """Return a model that gives one class whatever it sees."""
    dense = L.Dense(len(COLOURS))
    model = keras.Sequential([L.Input(SHAPE), *firsts, L.GlobalAveragePooling2D(), dense])
    dense.set_weights([np.zeros((3, 4), np.float32), np.array([1, 0, 0, 0], np.float32)])
    return model


def test_a_file_at_chance_under_each_is_refused_and_says_so(dataset: Dataset, store: Store) -> None:
    """With every figure; longer training is not what helps."""
    with pytest.raises(Refused) as refused:
        found(knows_nothing(), dataset, store)

    (problem,) = refused.value.problems
    assert problem.what == "mine.keras tells the classes apart no better than chance"
    assert "raw 25.00 %, unit 25.00 %, symmetric 25.00 %, data 25.00 %, imagenet 25.00 %, caffe 25.00 %" in problem.got
    assert problem.fix.startswith("give model.preprocessing as scale, mean, std and channel_order")


def test_fresh_weights_that_are_trained_further_take_the_datas_own(dataset: Dataset, store: Store) -> None:
    """A file that knows nothing yet is as good as a network that is built, and that is said."""
    own = found(knows_nothing(), dataset, store, as_it_is=False)

    assert own.name == "data"
    assert "knows nothing" in own.why


def test_what_is_given_wins_over_what_would_be_found(dataset: Dataset, store: Store) -> None:
    """A preprocessing that does well enough is taken, though another one does better."""
    own = found(trained(named("imagenet", dataset.inputs["image"])), dataset, store, "data")

    assert (own.name, own.why) == ("data", "given in the recipe")


def test_a_wrong_one_that_is_given_is_refused_with_the_right_one(dataset: Dataset, store: Store) -> None:
    """A model for 0..1 that is given bytes gives one class; the fix names what works."""
    model = trained(named("data", dataset.inputs["image"]))
    given = OwnPreprocessing(scale=1, mean=(1e5,))

    with pytest.raises(Refused) as refused:
        found(model, dataset, store, given)

    assert refused.value.problems[0].fix == "set model.preprocessing: data"
    assert found(model, dataset, store, "data").name == "data"


@pytest.mark.parametrize(("choice", "firsts"), [("unit", []), ("auto", [L.Rescaling(1 / 255)])])
def test_a_bad_model_that_is_surely_fed_right_is_left_to_its_gate(
    choice: PreprocessingChoice, firsts: list[Any], dataset: Dataset, store: Store
) -> None:
    """Where nobody doubts the preprocessing and no other one helps, it is the weights that are bad."""
    assert found(knows_nothing(*firsts), dataset, store, choice).name in ("unit", "raw")


def test_a_network_that_is_built_takes_the_datas_own(dataset: Dataset) -> None:
    """Unless it begins with a scaling of bytes, or the recipe says otherwise."""
    plain, scaling = knows_nothing(), knows_nothing(L.Rescaling(1 / 255))

    assert (
        preprocessing_of_built(plain, "auto", dataset)["image"].numbers()
        == named("data", dataset.inputs["image"]).numbers()
    )
    assert preprocessing_of_built(scaling, "auto", dataset)["image"].name == "raw"
    assert preprocessing_of_built(scaling, "unit", dataset)["image"].name == "unit"
