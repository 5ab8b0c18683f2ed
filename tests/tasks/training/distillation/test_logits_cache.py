"""A teacher's logits: computed once for all of its students, and anew where anything of them is different."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.fit import DistillationSettings, Fit
from featherline.tasks.contracts.preprocessing import Preprocessing
from featherline.tasks.contracts.references import DatasetRef
from featherline.tasks.networks.framework import keras
from featherline.tasks.networks.zoo.cnn import cnn
from featherline.tasks.store.artifacts import Store
from featherline.tasks.training.batches import even_batches
from featherline.tasks.training.data import TrainingData, load_training_data
from featherline.tasks.training.distillation import logits_table
from featherline.tasks.training.distillation.logits_cache import LogitsCache
from featherline.tasks.training.loop import fit_model

FIT = Fit(epochs=2, batch_size=60, learning_rate=5e-3, crop=1)
STILL = Fit(epochs=2, batch_size=60, learning_rate=5e-3)
RAW = Preprocessing(name="raw", scale=1.0, mean=(0.0,), std=(1.0,))


@pytest.fixture
def data(store: Store, digits: tuple[DatasetRef, Dataset]) -> TrainingData:
    """Give the digits as networks take them."""
    return load_training_data(store, digits[1])


def teacher(seed: int = 1) -> Any:
    """Return a teacher whose weights the seed decides."""
    keras.utils.set_random_seed(seed)
    return cnn((8, 8, 1), 10, widths=(8,), dense=0)


def asked(store: Store, network: Any, data: TrainingData, fit: Fit, seed: int = 0) -> tuple[int, bytes]:
    """Return of how many examples the teacher had to be asked for a first epoch, and what it said."""
    count = len(data.train)
    dealt = even_batches(np.random.default_rng([seed, 0]).permutation(count), -(-count // fit.batch_size))
    cache = LogitsCache(network, data, fit, seed=seed, store=store)

    logits = cache.of(0, dealt)(slice(0, len(dealt)))

    return cache.computed, logits.tobytes()


@pytest.mark.parametrize("fit", [FIT, STILL], ids=["moving", "still"])
def test_a_second_student_asks_for_nothing(store: Store, data: TrainingData, fit: Fit) -> None:
    """It is taught by the very logits that the first one was taught by."""
    first = asked(store, teacher(), data, fit)

    second = asked(store, teacher(), data, fit.model_copy(update={"learning_rate": 0.1, "epochs": 9}))

    assert first[0] == 600
    assert second == (0, first[1])


CHANGES: dict[str, Callable[[TrainingData], tuple[Any, TrainingData, Fit, int]]] = {
    "teacher": lambda data: (teacher(2), data, FIT, 0),
    "seed": lambda data: (teacher(), data, FIT, 1),
    "batch size": lambda data: (teacher(), data, FIT.model_copy(update={"batch_size": 50}), 0),
    "augmentation": lambda data: (teacher(), data, FIT.model_copy(update={"crop": 2}), 0),
    "data": lambda data: (teacher(), replace(data, digest="another"), FIT, 0),
    "part of the data": lambda data: (teacher(), replace(data, train=data.train.take(slice(300))), FIT, 0),
    "preprocessing": lambda data: (teacher(), replace(data, preprocessing={"image": RAW}), FIT, 0),
}


@pytest.mark.parametrize("changed", CHANGES)
def test_what_is_different_is_asked_anew(store: Store, data: TrainingData, changed: str) -> None:
    """Whatever it is of all that decides what a teacher says."""
    asked(store, teacher(), data, FIT)
    network, other, fit, seed = CHANGES[changed](data)

    assert asked(store, network, other, fit, seed)[0] == sum(map(len, _dealt(other, fit)))


def _dealt(data: TrainingData, fit: Fit) -> list[Any]:
    count = len(data.train)
    return even_batches(np.arange(count), -(-count // fit.batch_size))


def test_what_was_computed_before_a_step_was_killed_is_kept(
    store: Store, data: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of ten parts three were done: the next one asks for seven, and gets the same."""
    monkeypatch.setattr(logits_table, "PART_EXAMPLES", 60)
    whole = asked(store, teacher(), data, FIT)
    parts = sorted(store.blobs.keys("logits/"))
    for name in parts[3:]:
        store.blobs.delete(name)

    resumed = asked(store, teacher(), data, FIT)

    assert len(parts) == 10
    assert resumed == (420, whole[1])


@pytest.mark.parametrize("damage", [b"", b"nothing", b"\0" * 5000], ids=["empty", "short", "long"])
def test_damage_costs_time_alone(
    store: Store, data: TrainingData, damage: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    """A part that is not what was written is said, computed again, and mended."""
    whole = asked(store, teacher(), data, FIT)
    (name,) = store.blobs.keys("logits/")
    store.blobs.replace(name, damage)

    again, after = (asked(store, teacher(), data, FIT) for _ in range(2))

    assert "damaged: the teacher is asked again" in capsys.readouterr().out
    assert (again, after) == (whole, (0, whole[1]))


def test_students_learn_the_same_from_logits_of_the_store(store: Store, data: TrainingData) -> None:
    """As from those that their own teacher just gave, also by rounds that come again."""
    fit, settings = FIT.model_copy(update={"epochs": 3}), DistillationSettings(cached_augmentations=2)
    keras.utils.set_random_seed(0)
    students = [cnn((8, 8, 1), 10, widths=(4,), dense=0) for _ in range(2)]
    students[1].set_weights(students[0].get_weights())

    first, second = (
        fit_model(each, data, fit, seed=0, stage="d", teacher=teacher(), distillation=settings, store=store)
        for each in students
    )

    assert first.loss == second.loss
    assert len(list(store.blobs.keys("logits/"))) == 2
