"""The training loop: it learns, repeats itself, stops, resumes and refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.fit import DistillationSettings, Fit
from featherline.tasks.contracts.model import TrainingHistory
from featherline.tasks.contracts.references import DatasetRef
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.modalities.views import InputViews
from featherline.tasks.networks.framework import keras, tf
from featherline.tasks.networks.predict import predict
from featherline.tasks.problems.classification.problem import Classification
from featherline.tasks.problems.scored import quality_value
from featherline.tasks.store.artifacts import Store
from featherline.tasks.training import calls as calls_module
from featherline.tasks.training import data as data_module
from featherline.tasks.training.checkpoint import Checkpoint, TrainingState
from featherline.tasks.training.data import TrainingData, load_training_data
from featherline.tasks.training.loop import fit_model
from featherline.tasks.training.part import Part

FIT = Fit(epochs=4, batch_size=32, learning_rate=0.02, weight_decay=1e-4)

HISTORY = TrainingHistory(
    stage="train",
    loss=(1.0,),
    quality=(0.5,),
    validation_loss=(1.0,),
    validation_quality=(0.5,),
    learning_rate=(0.1,),
    seconds=(1.0,),
)


class Killed(BaseException):
    """Ends a training from outside."""


class Killer(keras.callbacks.Callback):  # type: ignore[misc]
    """Ends the training when an epoch begins."""

    def __init__(self, epoch: int) -> None:
        """End it before this epoch."""
        super().__init__()
        self.last = epoch

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """End the training."""
        if epoch == self.last:
            raise Killed


class Spoiler(keras.callbacks.Callback):  # type: ignore[misc]
    """Makes the model forget its last kernel after each epoch, from one on."""

    def __init__(self, epoch: int) -> None:
        """Spoil it after this epoch and later ones."""
        super().__init__()
        self.first = epoch

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Zero the kernel."""
        if epoch >= self.first:
            kernel = self.model.layers[-1].kernel
            kernel.assign(0 * kernel)


def copy_of(model: Any) -> Any:
    """Return a model of its own with the same weights."""
    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    return twin


def same(one: Any, other: Any) -> bool:
    """Return whether two models have nearly the same weights."""
    pairs = zip(one.get_weights(), other.get_weights(), strict=True)
    return all(np.allclose(left, right, atol=1e-5) for left, right in pairs)


@pytest.mark.parametrize(
    "fit",
    [
        FIT,
        FIT.model_copy(update={"optimizer": "sgd", "learning_rate": 0.1, "schedule": "one_cycle"}),
        FIT.model_copy(update={"label_smoothing": 0.1, "schedule": "constant"}),
        FIT.model_copy(update={"cutout": 2, "mixup": 0.1}),
    ],
)
def test_learns_the_digits(model: Any, data: TrainingData, fit: Fit) -> None:
    """Four epochs of either optimizer and any schedule bring nine of ten digits right."""
    history = fit_model(model, data, fit, seed=0, stage="train")

    assert max(history.validation_quality) > 0.85
    assert history.loss[-1] < history.loss[0] / 2
    assert [len(getattr(history, name)) for name in ("loss", "seconds", "learning_rate")] == [4, 4, 4]


def test_ends_with_the_best_weights(model: Any, data: TrainingData) -> None:
    """The model has the validation accuracy of its best epoch, though the last ones were spoiled."""
    history = fit_model(model, data, FIT, seed=0, stage="train", callbacks=[Spoiler(2)])

    measured = quality_value(Classification(), predict(model, data.validation.inputs), data.validation.targets)
    assert measured == pytest.approx(max(history.validation_quality))
    assert measured > history.validation_quality[-1]


def test_ends_with_the_last_weights_where_asked(model: Any, data: TrainingData) -> None:
    """Where the parameters say so the model is as the last epoch left it."""
    fit_model(model, data, FIT.model_copy(update={"keep": "last"}), seed=0, stage="train", callbacks=[Spoiler(0)])

    assert not model.layers[-1].kernel.numpy().any()


def test_a_cutout_that_hides_everything_is_refused(model: Any, data: TrainingData) -> None:
    """The images are eight pixels wide; seven of them may be hidden."""
    fit_model(model, data, FIT.model_copy(update={"cutout": 7, "epochs": 1}), seed=0, stage="train")

    with pytest.raises(Refused, match="below the images' shorter side, 8 pixels"):
        fit_model(model, data, FIT.model_copy(update={"cutout": 8}), seed=0, stage="train")


def test_equal_seeds_give_equal_models(model: Any, data: TrainingData) -> None:
    """The same seed gives the same weights up to rounding, another seed others."""
    fit = FIT.model_copy(update={"epochs": 1})
    twin, other = copy_of(model), copy_of(model)

    fit_model(model, data, fit, seed=1, stage="train")
    fit_model(twin, data, fit, seed=1, stage="train")
    fit_model(other, data, fit, seed=2, stage="train")

    assert same(model, twin)
    assert not same(model, other)


def test_a_killed_training_goes_on_from_its_last_epoch(model: Any, data: TrainingData, store: Store) -> None:
    """Killed before its third epoch and begun again, it ends as if it had not been killed."""
    fit = FIT.model_copy(update={"crop": 1})
    twin, fresh = copy_of(model), copy_of(model)
    whole = fit_model(model, data, fit, seed=0, stage="train")

    with pytest.raises(Killed):
        fit_model(
            twin,
            data,
            fit,
            seed=0,
            stage="train",
            callbacks=[Killer(2)],
            checkpoint=Checkpoint(store, "k", every_seconds=0),
        )
    begun: list[int] = []
    watcher = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: begun.append(epoch))  # noqa: ARG005
    resumed = fit_model(fresh, data, fit, seed=0, stage="train", callbacks=[watcher], checkpoint=Checkpoint(store, "k"))

    assert begun in ([1, 2, 3], [2, 3])  # a second write follows the first only after a while
    assert resumed.validation_quality == pytest.approx(whole.validation_quality)
    assert same(fresh, model)


def test_what_is_learnt_does_not_depend_on_where_examples_are_read(
    model: Any, data: TrainingData, store: Store, digits: tuple[DatasetRef, Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bit for bit the same from memory, from the store a few batches at a time, and killed in between."""
    fit = FIT.model_copy(update={"crop": 1, "epochs": 3})
    streamed, fresh = copy_of(model), copy_of(model)
    whole = fit_model(model, data, fit, seed=0, stage="train")
    monkeypatch.setattr(data_module, "KEPT_BYTES", 0)
    monkeypatch.setattr(calls_module, "READ_BYTES", 5_000)
    checkpoint = Checkpoint(store, "k", every_seconds=0)

    with load_training_data(store, digits[1]) as read:
        history = fit_model(streamed, read, fit, seed=0, stage="train")
        with pytest.raises(Killed):
            fit_model(copy_of(fresh), read, fit, seed=0, stage="train", callbacks=[Killer(2)], checkpoint=checkpoint)
        fit_model(fresh, read, fit, seed=0, stage="train", checkpoint=checkpoint)

    assert not read.train.in_memory
    assert history.loss == whole.loss
    assert history.validation_loss == whole.validation_loss
    for other in (streamed, fresh):
        assert all(map(np.array_equal, other.get_weights(), model.get_weights()))


def test_patience_ends_a_training_that_gets_no_better(model: Any, data: TrainingData) -> None:
    """With a rate that changes nothing, patience 2 ends after the first epoch and two more."""
    fit = FIT.model_copy(update={"epochs": 9, "learning_rate": 1e-30, "patience": 2, "weight_decay": 0.0})
    model.get_layer(index=1).trainable = False

    history = fit_model(model, data, fit, seed=0, stage="train")

    assert len(history.loss) == 3


def test_no_epochs_change_nothing(model: Any, data: TrainingData) -> None:
    """Without epochs the model stays as it is and there is no history."""
    before = copy_of(model)

    history = fit_model(model, data, FIT.model_copy(update={"epochs": 0}), seed=0, stage="train")

    assert history.loss == ()
    assert same(model, before)


def test_a_student_learns_from_its_teacher_alone(model: Any, data: TrainingData) -> None:
    """With alpha 1 the labels do not count: a student trained on wrong labels still becomes its teacher's equal."""
    teacher = copy_of(model)
    fit_model(teacher, data, FIT, seed=0, stage="teacher")
    before = teacher.get_weights()
    wrong = replace(data, train=replace(data.train, targets=(data.train.targets + 1) % 10))

    history = fit_model(
        model,
        wrong,
        FIT,
        seed=0,
        stage="distill",
        teacher=teacher,
        distillation=DistillationSettings(alpha=1, temperature=2),
    )

    assert max(history.validation_quality) > 0.8
    assert all((old == new).all() for old, new in zip(before, teacher.get_weights(), strict=True))


def test_a_training_that_diverges_is_refused(model: Any, data: TrainingData) -> None:
    """A loss that is not finite is a refusal that names the parameter."""
    spoiled = replace(
        data, views=InputViews(), train=Part({"image": np.full_like(data.train.inputs, np.nan)}, data.train.targets)
    )

    with pytest.raises(Refused) as refused:
        fit_model(model, spoiled, FIT, seed=0, stage="train")

    assert refused.value.problems[0].what == "train: training diverged"
    assert "fit.learning_rate" in refused.value.problems[0].fix


def test_a_teacher_without_knowledge_is_a_mistake_of_the_caller(model: Any, data: TrainingData) -> None:
    """Neither is left out silently."""
    with pytest.raises(ValueError, match="both"):
        fit_model(model, data, FIT, seed=0, stage="train", teacher=model)


def test_one_line_an_epoch(model: Any, data: TrainingData, capsys: pytest.CaptureFixture[str]) -> None:
    """Each epoch prints its number, loss, accuracies, seconds and what is left."""
    fit_model(model, data, FIT.model_copy(update={"epochs": 2}), seed=0, stage="train")

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert all(word in lines[0] for word in ("train 1/2", "loss", "accuracy", "validation", " s", "ETA"))


def test_a_trained_model_holds_no_optimizer(model: Any, data: TrainingData) -> None:
    """What callbacks needed is taken from the model again, so that its file stays small."""
    watcher = keras.callbacks.LambdaCallback()

    fit_model(model, data, FIT.model_copy(update={"epochs": 1}), seed=0, stage="train", callbacks=[watcher])

    assert getattr(model, "optimizer", None) is None


def test_a_damaged_checkpoint_is_left_aside(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """A state that is cut off is said and not used; a cleared one is gone."""
    checkpoint = Checkpoint(store, "k")
    checkpoint.save(TrainingState(HISTORY, [np.ones(3)], [np.zeros(2)], []))
    whole = checkpoint.load()
    data = store.blobs.read(checkpoint.key)
    assert data is not None
    store.blobs.replace(checkpoint.key, data[: len(data) // 2])

    damaged = checkpoint.load()
    with checkpoint:
        pass

    assert whole is not None
    assert (len(whole.history.loss), len(whole.weights), len(whole.optimizer), len(whole.best)) == (1, 1, 1, 0)
    assert damaged is None
    assert "training starts anew" in capsys.readouterr().out
    assert store.blobs.read(checkpoint.key) is None


def test_checkpoints_are_written_seldom(store: Store) -> None:
    """Within its seconds no second write is due."""
    checkpoint = Checkpoint(store, "k", every_seconds=3600)

    assert not checkpoint.due
    assert Checkpoint(store, "k", every_seconds=0).due


@pytest.mark.parametrize("part", ["weights", "optimizer", "best"])
def test_a_checkpoint_of_another_network_is_left_aside(
    model: Any, data: TrainingData, store: Store, capsys: pytest.CaptureFixture[str], part: str
) -> None:
    """A state that does not fit is said, and changes nothing of the training."""
    fit = FIT.model_copy(update={"epochs": 1})
    twin, checkpoint = copy_of(model), Checkpoint(store, "k")
    weights = [np.zeros_like(each) for each in model.get_weights()]
    state = {"weights": weights, "optimizer": [np.zeros(2)], "best": []} | {part: [np.ones(3)]}
    checkpoint.save(TrainingState(HISTORY, **state))

    fit_model(model, data, fit, seed=0, stage="train", checkpoint=checkpoint)
    fit_model(twin, data, fit, seed=0, stage="train")

    assert "of another network" in capsys.readouterr().out
    assert same(model, twin)


@pytest.mark.parametrize("asked", [{"class_weights": {"0": 50}}, {"sampling": "balanced"}], ids=["weights", "sampling"])
def test_what_is_rare_is_learnt(data: TrainingData, model: Any, asked: dict[str, Any]) -> None:
    """Of ten zeros among all other digits a zero is surer where they count more, or come more often."""
    zeros = np.flatnonzero(data.train.targets == 0)[:10]
    others = np.flatnonzero(data.train.targets > 0)
    skewed = replace(data, train=data.train.take(np.sort(np.concatenate([zeros, others]))))
    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    fit = Fit(epochs=2, batch_size=32, learning_rate=2e-3)

    fit_model(model, skewed, fit, seed=0, stage="train")
    fit_model(twin, skewed, fit.model_copy(update=asked), seed=0, stage="train")

    of_zeros = data.validation.targets == 0
    asked_for, plain = (
        tf.nn.softmax(predict(each, data.validation.inputs)).numpy()[of_zeros, 0].mean() for each in (twin, model)
    )
    assert asked_for > 1.5 * plain


def test_a_weight_of_no_class_is_refused_before_the_first_step(data: TrainingData, model: Any) -> None:
    """The classes are those of the data."""
    with pytest.raises(Refused) as refused:
        fit_model(model, data, Fit(class_weights={"ten": 2.0}), seed=0, stage="train")

    assert refused.value.problems[0].got == "ten"
