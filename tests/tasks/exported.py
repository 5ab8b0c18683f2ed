"""A small network of scikit-learn's digits, trained and exported once for all tests that ask for its files.

A module that uses it has a fixture `store` that gives `shared_store`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import featherline.tasks.compression.quantization.post_training.schemes
from featherline.tasks.contracts.base import digest
from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.model import LiteRTModel, Model, Scheme
from featherline.tasks.contracts.references import DatasetRef
from featherline.tasks.contracts.steps.export import ExportInputs, ExportParams
from featherline.tasks.data.dataset import read_split
from featherline.tasks.litert.conversion import Converted, convert_apart
from featherline.tasks.litert.interpreter import batches_of
from featherline.tasks.modalities.image.preprocessing import model_inputs, own_of
from featherline.tasks.networks.framework import keras
from featherline.tasks.networks.model_files import put_model
from featherline.tasks.running.context import Context
from featherline.tasks.steps.export import export
from featherline.tasks.store.artifacts import Store


@pytest.fixture
def small_model(store: Store, digits: tuple[DatasetRef, Dataset], made: dict[str, Any]) -> Model:
    """Give a small network with every kind of layer that convolutional networks have, trained."""
    if "model" not in made:
        made["model"] = _trained(store, digits[1])
    found: Model = made["model"]
    return found


@pytest.fixture
def exported(
    store: Store, digits: tuple[DatasetRef, Dataset], small_model: Model, made: dict[str, Any]
) -> Callable[[Scheme], LiteRTModel]:
    """Give a function that exports the small network with a scheme, once each."""

    def by(scheme: Scheme) -> LiteRTModel:
        if scheme not in made:
            inputs = ExportInputs(model=small_model, scheme=scheme, data=digits[0])
            with converting_once(made):
                made[scheme] = export(inputs, ExportParams(), Context(store)).model
        found: LiteRTModel = made[scheme]
        return found

    return by


@contextmanager
def converting_once(made: dict[str, Any]) -> Iterator[None]:
    """Keep what the real converter gives, since its process takes seconds and five schemes begin from one file."""

    def kept(
        store: Store, model: Model, scheme: Scheme, calibration: Any, *, floats: Sequence[Model] = ()
    ) -> Converted:
        arrays = [] if calibration is None else [array for part in batches_of(calibration) for array in part.values()]
        images = digest(b"".join(array.tobytes() for array in arrays))
        key = f"{model.file.sha256}-{scheme}-{images}-{[one.file.sha256 for one in floats]}"
        if key not in made:
            made[key] = convert_apart(store, model, scheme, calibration, floats=floats)
        found: Converted = made[key]
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(featherline.tasks.compression.quantization.post_training.schemes, "convert_apart", kept)
        yield


def _network() -> Any:
    layers = keras.layers
    image = keras.Input((8, 8, 1))
    stream = layers.Conv2D(16, 3, padding="same", use_bias=False)(image)
    stream = layers.ReLU()(layers.BatchNormalization()(stream))
    inner = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(stream)
    inner = layers.ReLU()(layers.BatchNormalization()(inner))
    stream = layers.Add()([stream, layers.Conv2D(16, 1)(inner)])
    stream = layers.ReLU()(layers.Conv2D(32, 3, strides=2, padding="same")(stream))
    return keras.Model(image, layers.Dense(10)(layers.GlobalAveragePooling2D()(stream)))


def _trained(store: Store, dataset: Dataset) -> Model:
    """Give it the weights that twelve epochs of Adam at 0.01, by a cosine, once came to on the train split.

    Trained here, they would differ from processor to processor, and with them what int4 does to a prediction.
    """
    network = _network()
    with np.load(Path(__file__).with_name("exported_weights.npz")) as kept:
        network.set_weights([kept[name] for name in kept.files])
    examples, labels = read_split(store, dataset, "validation")
    images = examples["image"]
    predicted = network.predict(model_inputs(images, own_of(dataset.inputs["image"])), verbose=0).argmax(axis=1)
    return Model(
        file=put_model(store, network),
        parameters=network.count_params(),
        macs=1,
        validation_quality=float((predicted == labels).mean()),
    )
