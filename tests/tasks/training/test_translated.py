"""A teacher that is fed otherwise than its student."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.fit import DistillationSettings, Fit
from featherline.tasks.contracts.preprocessing import Preprocessing
from featherline.tasks.contracts.references import DatasetRef
from featherline.tasks.data.dataset import read_split
from featherline.tasks.modalities.image.augmentation import augment
from featherline.tasks.modalities.image.preprocessing import model_inputs, own_of
from featherline.tasks.networks.framework import keras
from featherline.tasks.networks.zoo.cnn import cnn
from featherline.tasks.store.artifacts import Store
from featherline.tasks.training.data import TrainingData, load_training_data
from featherline.tasks.training.loop import fit_model
from featherline.tasks.training.translated import TranslatedTeacher, as_the_student_sees

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)
RAW = Preprocessing(name="raw", scale=1.0, mean=(0.0,) * 3, std=(1.0,) * 3)
OWN = Preprocessing(name="data", scale=255.0, mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4))
CAFFE = Preprocessing(name="caffe", scale=1.0, mean=(103.939, 116.779, 123.68), std=(1.0,) * 3, channel_order="bgr")


@pytest.mark.parametrize("student", [RAW, OWN, CAFFE], ids=lambda each: each.name)
@pytest.mark.parametrize("teacher", [RAW, OWN, CAFFE], ids=lambda each: each.name)
def test_each_is_fed_by_its_own(student: Preprocessing, teacher: Preprocessing) -> None:
    """From what the student takes, the teacher gets what it would get from the pixels."""
    network = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()])

    seen = as_the_student_sees(network, {"image": teacher}, {"image": student})(
        model_inputs(PIXELS, student), training=False
    )

    assert np.allclose(seen, model_inputs(PIXELS, teacher).reshape(6, -1), atol=1e-3, rtol=1e-5)


def test_a_teacher_that_is_fed_alike_stays_itself() -> None:
    """Nothing is computed that need not be."""
    network = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()])

    assert as_the_student_sees(network, {"image": OWN}, {"image": OWN.model_copy(update={"name": "own"})}) is network


@pytest.mark.parametrize("changes", [{"crop": 2}, {"cutout": 3}, {"mixup": 0.5}, {"flip": True}], ids=str)
def test_both_see_the_same_view(changes: dict[str, Any]) -> None:
    """The student's view, translated, is the view that the teacher's own images have."""
    fit, seed = Fit(**changes), np.array([1, 2], np.int32)
    mean_pixel = np.array([40, 50, 60], np.uint8)
    of_student, of_teacher = (
        augment(model_inputs(PIXELS, fed), seed, fit, model_inputs(mean_pixel, fed)).inputs for fed in (OWN, RAW)
    )
    network = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()])

    seen = TranslatedTeacher(network, {"image": OWN}, {"image": RAW}).translated(of_student)

    assert np.allclose(seen, of_teacher, atol=1e-2)


def test_what_comes_in_from_outside_is_the_mean_pixel() -> None:
    """Not black, which 0 is to a network that takes bytes."""
    images = np.full((1, 8, 8, 3), 200.0, np.float32)

    view = augment(images, np.array([0, 0], np.int32), Fit(cutout=3), np.array([90.0] * 3, np.float32)).inputs.numpy()

    assert set(view.ravel().tolist()) == {90.0, 200.0}


def digits_for(store: Store, dataset: Dataset, student: Preprocessing) -> TrainingData:
    """Give the digits as a student takes them, a few of them."""
    data = load_training_data(store, dataset, {"image": student})
    return replace(data, train=data.train.take(slice(120)))


@pytest.mark.parametrize(
    "distillation",
    [DistillationSettings(cached_augmentations=2), DistillationSettings(attention=0.1), DistillationSettings()],
    ids=["kept", "watched", "asked"],
)
def test_a_teacher_teaches_the_same_however_its_student_is_fed(
    store: Store, digits: tuple[DatasetRef, Dataset], distillation: DistillationSettings
) -> None:
    """A teacher of raw pixels and a student of the data's own: as if the teacher's first layer did the translation."""
    dataset = digits[1]
    own, raw = own_of(dataset.inputs["image"]), Preprocessing(name="raw", scale=1.0, mean=(0.0,), std=(1.0,))
    data = digits_for(store, dataset, own)
    keras.utils.set_random_seed(1)
    teacher = cnn((8, 8, 1), 10, widths=(8,), dense=0)
    x = inputs = keras.Input((8, 8, 1))
    x = keras.layers.Rescaling(own.std[0] * own.scale, offset=own.mean[0] * own.scale)(x)
    for layer in teacher.layers[1:]:
        x = layer(x)
    right = keras.Model(inputs, x)
    losses = []
    for taught_by in (as_the_student_sees(teacher, {"image": raw}, {"image": own}), right):
        keras.utils.set_random_seed(0)
        student = cnn((8, 8, 1), 10, widths=(4,), dense=0)
        fit = Fit(epochs=2, batch_size=60, learning_rate=5e-3, crop=1)
        losses.append(
            fit_model(student, data, fit, seed=0, stage="distill", teacher=taught_by, distillation=distillation).loss
        )

    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_the_images_are_those_of_the_model(store: Store, digits: tuple[DatasetRef, Dataset]) -> None:
    """By the data set's own where a model says nothing, else by the model's."""
    raw = Preprocessing(name="raw", scale=1.0, mean=(0.0,), std=(1.0,))
    pixels = read_split(store, digits[1], "validation")[0]["image"]

    assert (load_training_data(store, digits[1], {"image": raw}).validation.inputs == pixels).all()
    assert load_training_data(store, digits[1]).preprocessing == {"image": own_of(digits[1].inputs["image"])}
