"""What a backbone is fed by: told by its own statistics, or refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from featherline.tasks.contracts.dataset import Dataset, InputSpec, Profile, Shard, Split, Statistics
from featherline.tasks.contracts.references import SamplesRef
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.modalities.image.preprocessing import model_inputs, named
from featherline.tasks.networks.framework import keras
from featherline.tasks.store.artifacts import Store
from featherline.tasks.training.backbone_preprocessing import preprocessing_of_backbone

L = keras.layers
SHAPE = (8, 8, 3)


def pictures(seed: int, count: int = 64) -> Any:
    """Return smooth coloured pictures, warm ones, as photographs are more often than not."""
    generator = np.random.default_rng(seed)
    coarse = generator.normal((150, 110, 70), 55, (count, 2, 2, 3))
    fine = np.repeat(np.repeat(coarse, 4, 1), 4, 2) + generator.normal(0, 12, (count, *SHAPE))
    return fine.clip(0, 255).astype(np.uint8)


@pytest.fixture
def dataset(store: Store) -> Dataset:
    """Give pictures that no backbone here has seen, of which one is twice as likely as the others."""
    images, labels = pictures(1), np.arange(64) % 4
    shard = Shard(examples={"image": store.put_array(images)}, targets=store.put_array(labels), count=64)
    scaled = images / 255
    own = Statistics(
        scale=255.0, mean=tuple(map(float, scaled.mean((0, 1, 2)))), std=tuple(map(float, scaled.std((0, 1, 2))))
    )
    split = Split(shards=(shard,), count=64, strata=(16,) * 4, profiles={"image": Profile(mean=own.mean, std=own.std)})
    return Dataset(
        name="pictures",
        inputs={"image": InputSpec(modality="image", shape=SHAPE, dtype="uint8", statistics=own)},
        vocabulary=("a", "b", "c", "d"),
        splits={"validation": split},
        samples=store.put_bytes(b"", SamplesRef),
    )


def backbone(*firsts: Any, normalised: bool = True) -> Any:
    """Return a network of two convolutions whose weights are random."""
    keras.utils.set_random_seed(0)
    layers = [L.Conv2D(16, 3, padding="same", activation="relu"), L.Conv2D(16, 3, padding="same", use_bias=False)]
    if normalised:
        layers = [each for layer in layers for each in (layer, L.BatchNormalization(momentum=0.0))]
    return keras.Sequential([L.Input(SHAPE), *firsts, *layers, L.GlobalAveragePooling2D(), L.Dense(3)])


def trained_by(how: Any) -> Any:
    """Return a backbone whose statistics are of pictures that were fed so."""
    model, images = backbone(), model_inputs(pictures(0), how)
    for _ in range(2):  # the second layer's after the first one has its own
        model(images, training=True)
    return model


@pytest.mark.parametrize("name", ["raw", "unit", "symmetric", "imagenet", "caffe"])
def test_what_a_backbone_was_trained_with_is_found(name: str, dataset: Dataset, store: Store) -> None:
    """Without labels and without answers, from other pictures than it was trained on."""
    model = trained_by(named(name, dataset.inputs["image"]))

    found = preprocessing_of_backbone(model, "mine.keras", "auto", dataset, store)["image"]

    assert found.name == name
    assert found.why.startswith("nearest to the statistics of the file's batch normalisation, in nats: raw ")


def test_what_is_given_wins(dataset: Dataset, store: Store) -> None:
    """And nothing is measured."""
    model = backbone(normalised=False)

    assert preprocessing_of_backbone(model, "mine.keras", "caffe", dataset, store)["image"].name == "caffe"


def test_a_backbone_that_scales_is_fed_bytes(dataset: Dataset, store: Store) -> None:
    """It says so itself."""
    model = backbone(L.Rescaling(1 / 255), normalised=False)

    assert preprocessing_of_backbone(model, "mine.keras", "auto", dataset, store)["image"].name == "raw"


def test_a_backbone_that_does_not_tell_is_refused(dataset: Dataset, store: Store) -> None:
    """Without statistics, or with those of something else, it could only be guessed."""
    silent, strange = backbone(normalised=False), trained_by(named("raw", dataset.inputs["image"]))
    for layer in strange.layers:
        if isinstance(layer, L.BatchNormalization):
            layer.set_weights([weight * 1000 for weight in layer.get_weights()])

    with pytest.raises(Refused) as untold:
        preprocessing_of_backbone(silent, "mine.keras", "auto", dataset, store)
    with pytest.raises(Refused) as unlike:
        preprocessing_of_backbone(strange, "mine.keras", "auto", dataset, store)

    assert untold.value.problems[0].fix == "set model.preprocessing to what the file was trained with"
    assert unlike.value.problems[0].got.startswith("distances in nats, each beyond 5: raw ")
