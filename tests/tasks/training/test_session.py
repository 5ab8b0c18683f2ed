"""The session of training that every step that trains opens: seed, data, teacher, checkpoints, result."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import pytest

from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.fit import DistillationSettings, Fit
from featherline.tasks.contracts.quality import SHARE
from featherline.tasks.contracts.references import DatasetRef
from featherline.tasks.modalities.feeding import own_of
from featherline.tasks.networks.framework import keras
from featherline.tasks.running.context import Context
from featherline.tasks.running.work import Work
from featherline.tasks.store.artifacts import Store
from featherline.tasks.training.checkpoint import Checkpoint, TrainingState, checkpoint_of
from featherline.tasks.training.history import empty_history
from featherline.tasks.training.session import TrainingSession

FIT = Fit(epochs=1, batch_size=60, learning_rate=2e-3)


@pytest.fixture
def context(store: Store) -> Context:
    """Give the context of a step that is at work, so that its trainings have checkpoints."""
    return Context(store, work=Work({"step": "train"}))


@pytest.fixture
def session(digits: tuple[DatasetRef, Dataset], context: Context) -> TrainingSession:
    """Give a session that was fed."""
    opened = TrainingSession(digits[0], context)
    opened.feed(own_of(opened.dataset))
    return opened


def small_network() -> Any:
    """Build a network of one layer."""
    return keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10)])


def left_by_a_killed_training(context: Context, part: str) -> Checkpoint:
    """Give the checkpoint of a part, with a state in it."""
    checkpoint = checkpoint_of(context, part).__enter__()
    assert checkpoint is not None
    checkpoint.save(TrainingState(empty_history("train", SHARE), [], [], []))
    return checkpoint


def test_a_network_built_in_a_session_has_the_weights_of_its_seed(
    digits: tuple[DatasetRef, Dataset], store: Store
) -> None:
    """The same seed gives the same first weights, another seed others."""
    kernels = []
    for seed in (0, 0, 1):
        TrainingSession(digits[0], Context(store, seed=seed))
        kernels.append(small_network().get_weights()[0])

    assert np.array_equal(kernels[0], kernels[1])
    assert not np.array_equal(kernels[0], kernels[2])


def test_it_is_fed_with_a_part_of_the_train_split(digits: tuple[DatasetRef, Dataset], context: Context) -> None:
    """A tenth of each class of 600 images, rounded up, is 65 images; the validation split stays whole."""
    session = TrainingSession(digits[0], context)

    session.feed(own_of(session.dataset), train_fraction=0.1)

    assert (len(session.data.train), len(session.data.validation)) == (65, 100)


def test_checkpoints_of_all_parts_stay_until_the_session_ends(session: TrainingSession, context: Context) -> None:
    """The first part's state is there while the second trains: a step killed then repeats neither."""
    parts = [left_by_a_killed_training(context, part) for part in ("one", "two")]

    with session:
        session.fit(small_network(), FIT, stage="train", part="one")
        session.fit(small_network(), FIT, stage="train", part="two")
        during = [part.load() is not None for part in parts]

    assert during == [True, True]
    assert [part.load() for part in parts] == [None, None]


def test_a_session_that_fails_keeps_its_checkpoints(session: TrainingSession, context: Context) -> None:
    """The retry of a step whose check failed after the training does not train again from the start."""
    checkpoint = left_by_a_killed_training(context, "")

    with suppress(AssertionError), session:
        session.fit(small_network(), FIT, stage="train")
        raise AssertionError("zeros were lost")

    assert checkpoint.load() is not None


def test_a_teacher_counts_in_what_is_trained_after_it(session: TrainingSession) -> None:
    """With alpha 1 a student learns from its teacher alone: it ends elsewhere than without one."""
    teacher, student, twin = small_network(), small_network(), small_network()
    twin.set_weights(student.get_weights())

    session.fit(student, FIT, stage="alone", part="alone")
    session.learn_from(teacher, DistillationSettings(alpha=1.0))
    session.fit(twin, FIT, stage="taught", part="taught")

    assert not np.array_equal(student.get_weights()[0], twin.get_weights()[0])


def test_a_result_carries_on_what_it_was_made_from_and_says_what_it_saved(
    session: TrainingSession, capsys: pytest.CaptureFixture[str]
) -> None:
    """The baseline is compared with nothing; what follows it names both stages, and prints a line of both."""
    network = small_network()
    baseline = session.result(network, "train", session.fit(network, FIT, stage="train"))
    before = capsys.readouterr().out

    cut = session.result(network, "prune", empty_history("prune", SHARE), before=baseline, zeros_before=0.0)

    assert "parameters" not in before
    assert cut.stages == ("train", "prune")
    assert capsys.readouterr().out.startswith("prune: parameters 650 -> 650 (+0.0%)")
