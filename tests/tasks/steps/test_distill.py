"""The step distill: the student learns from the teacher and keeps its zeros."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.fit import DistillationSettings, Fit
from featherline.tasks.contracts.model import Architecture, Model
from featherline.tasks.contracts.references import DatasetRef
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.steps.distill import DistillInputs, DistillParams
from featherline.tasks.networks.framework import keras
from featherline.tasks.networks.model_files import load_model
from featherline.tasks.networks.predict import predict
from featherline.tasks.networks.zeros import prunable_kernel, sparsity
from featherline.tasks.networks.zoo.cnn import cnn
from featherline.tasks.running.context import Context
from featherline.tasks.steps.distill import distill
from featherline.tasks.store.artifacts import Store
from featherline.tasks.training.data import TrainingData, load_training_data
from featherline.tasks.training.describe import describe
from featherline.tasks.training.loop import fit_model

FIT = Fit(epochs=3, batch_size=60, learning_rate=5e-3)
ONLY_THE_TEACHER = DistillationSettings(alpha=1.0, temperature=2.0)


@pytest.fixture
def data(store: Store, digits: tuple[DatasetRef, Dataset]) -> TrainingData:
    """Give the digits as arrays."""
    return load_training_data(store, digits[1])


@pytest.fixture
def teacher(store: Store, data: TrainingData) -> Model:
    """Give a small network that was trained on the digits."""
    keras.utils.set_random_seed(0)
    network = cnn((8, 8, 1), 10, widths=(16, 16), dense=0)
    history = fit_model(network, data, FIT, seed=0, stage="train")
    return describe(store, network, data, before=None, stage="train", history=history)


@pytest.fixture
def sparse(store: Store, data: TrainingData) -> Model:
    """Give an untrained student with half of its kernel weights zero."""
    keras.utils.set_random_seed(1)
    network = cnn((8, 8, 1), 10, widths=(16, 16), dense=0)
    generator = np.random.default_rng(0)
    for layer in network.layers:
        kernel = prunable_kernel(layer)
        if kernel is not None:
            kernel.assign(kernel * (generator.random(kernel.shape) < 0.5).astype(np.float32))
    return describe(store, network, data, before=None, stage="prune", history=None, sparsity="magnitude")


def distilled(teacher: Model, student: Model, data: DatasetRef, context: Context, /, **params: Any) -> Model:
    """Distill, and give the student."""
    given = DistillParams.model_validate({"method": "logits", "fit": FIT, **params})
    return distill(DistillInputs(teacher=teacher, student=student, data=data), given, context).model


def test_a_sparse_student_keeps_its_zeros(
    teacher: Model, sparse: Model, digits: tuple[DatasetRef, Dataset], context: Context
) -> None:
    """The student gets better, and not one of its zeros is lost, also under momentum."""
    fit = Fit(epochs=3, batch_size=60, optimizer="sgd", learning_rate=0.05)

    student = distilled(teacher, sparse, digits[0], context, fit=fit)

    assert student.validation_quality > sparse.validation_quality + 0.2
    assert student.sparsity == "magnitude"
    assert student.stages == ("prune", "distill")
    before, after = (load_model(context.store, model) for model in (sparse, student))
    assert sparsity(after) >= sparsity(before) > 0.4


def test_a_student_can_be_built_anew(
    teacher: Model,
    sparse: Model,
    digits: tuple[DatasetRef, Dataset],
    context: Context,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A named architecture gives a new, dense student; the log tells the teacher's accuracy and the student's."""
    architecture = Architecture(builder="cnn", options={"widths": [8, 16], "dense": 0})

    student = distilled(teacher, sparse, digits[0], context, architecture=architecture)

    assert student.parameters < teacher.parameters
    assert (student.sparsity, student.stages) == ("none", ("distill into a new cnn",))
    out = capsys.readouterr().out
    assert f"of the teacher {100 * teacher.validation_quality:.2f} %, of the student before" in out
    assert f"-> {100 * student.validation_quality:.2f} %" in out


def test_the_student_comes_closer_to_the_teacher_than_the_labels_ask(
    teacher: Model, sparse: Model, digits: tuple[DatasetRef, Dataset], data: TrainingData, context: Context
) -> None:
    """With the teacher alone as the target, the student's logits correlate with the teacher's."""
    fit = FIT.model_copy(update={"epochs": 8})

    student = distilled(teacher, sparse, digits[0], context, distillation=ONLY_THE_TEACHER, fit=fit)

    theirs, before, after = (
        predict(load_model(context.store, model), data.validation.inputs).ravel()
        for model in (teacher, sparse, student)
    )
    assert np.corrcoef(theirs, after)[0, 1] > 0.5 > np.corrcoef(theirs, before)[0, 1]


def test_a_student_is_born_again(
    teacher: Model, digits: tuple[DatasetRef, Dataset], context: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two generations of the same architecture, the first the teacher of the second, both from fresh weights."""
    fit = FIT.model_copy(update={"epochs": 8})

    student = distilled(teacher, teacher, digits[0], context, method="self", generations=2, fit=fit)

    assert (student.parameters, student.stages) == (teacher.parameters, ("distill into itself, 2 generations",))
    assert student.file != teacher.file
    assert student.validation_quality > 0.5
    starts = [line for line in capsys.readouterr().out.splitlines() if "before" in line]
    assert len(starts) == 2
    assert f"teacher {100 * teacher.validation_quality:.2f} %" in starts[0]


def test_the_last_weights_are_kept_where_asked(
    teacher: Model, sparse: Model, digits: tuple[DatasetRef, Dataset], context: Context
) -> None:
    """With `keep: last` nothing is judged by the validation split: a student that got worse there goes on as it is."""
    fit = Fit(epochs=1, batch_size=60, learning_rate=0.3, keep="last")

    student = distilled(sparse, teacher, digits[0], context, distillation=DistillationSettings(alpha=1.0), fit=fit)
    reborn = distilled(teacher, teacher, digits[0], context, method="self", fit=fit)

    for model in (student, reborn):
        assert model.validation_quality < teacher.validation_quality
        assert model.file.sha256 != teacher.file.sha256


def test_distillation_that_makes_a_student_worse_is_undone(
    teacher: Model,
    sparse: Model,
    digits: tuple[DatasetRef, Dataset],
    context: Context,
    *,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Taught by one who knows nothing, the student leaves as it came, and born again it stays the first."""
    useless, fit = DistillationSettings(alpha=1.0), Fit(epochs=1, batch_size=60, learning_rate=0.3)

    student = distilled(sparse, teacher, digits[0], context, distillation=useless, fit=fit)
    reborn = distilled(teacher, teacher, digits[0], context, method="self", fit=Fit(epochs=1, learning_rate=1e-6))

    out = capsys.readouterr().out
    assert "it keeps the weights that it had before" in out
    assert "the last generation is not the best" in out
    for model in (student, reborn):
        assert model.validation_quality == teacher.validation_quality
        weights = (load_model(context.store, one).get_weights() for one in (teacher, model))
        for before, after in zip(*weights, strict=True):
            np.testing.assert_array_equal(before, after)


def test_a_sparse_student_is_not_born_again(
    teacher: Model, sparse: Model, digits: tuple[DatasetRef, Dataset], context: Context
) -> None:
    """Fresh weights have no zeros to keep."""
    with pytest.raises(Refused) as refused:
        distilled(teacher, sparse, digits[0], context, method="self")

    assert refused.value.problems[0].got == "a student with the zeros of magnitude"


def test_a_file_can_teach(
    teacher: Model,
    sparse: Model,
    digits: tuple[DatasetRef, Dataset],
    context: Context,
    *,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The user's own model file stands in for the baseline, which is no better than chance here."""
    path = tmp_path / "mine.keras"
    load_model(context.store, teacher).save(path)

    distilled(sparse, sparse, digits[0], context, teacher=str(path), fit=Fit(epochs=1))

    assert f"of the teacher {100 * teacher.validation_quality:.2f} %" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("source", "got"),
    [
        ("models:/resnet/3", "a version of a registry, which `resolve` replaces by its float baseline in a run"),
        ("nowhere.keras", "nothing"),
    ],
)
def test_what_cannot_teach_is_refused(
    source: str, got: str, teacher: Model, digits: tuple[DatasetRef, Dataset], context: Context
) -> None:
    """A teacher must be a float model in a file that is there."""
    with pytest.raises(Refused) as refused:
        distilled(teacher, teacher, digits[0], context, teacher=source)

    assert refused.value.problems[0].got == got


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"method": "self", "teacher": "a.keras"}, "neither architecture nor teacher"),
        ({"method": "logits", "teacher": "a.tflite"}, "a .keras or .h5 file"),
        ({"method": "self", "architecture": {"builder": "cnn"}}, "neither architecture nor teacher"),
        ({"method": "logits", "generations": 2}, "method self for 2 generations"),
    ],
)
def test_parameters_that_contradict_each_other_are_refused_at_the_door(given: dict[str, Any], message: str) -> None:
    """Nothing that is asked is silently left out."""
    with pytest.raises(ValidationError, match=message):
        DistillParams.model_validate(given)


def test_an_artifact_of_the_store_is_a_teacher(
    teacher: Model, sparse: Model, digits: tuple[DatasetRef, Dataset], context: Context
) -> None:
    """The float baseline of a registered version has no ending in its name, and is read all the same."""
    fit = Fit(epochs=1, batch_size=50)
    place = f"{context.store.uri}/artifacts/{teacher.file.sha256}"

    by_file = distilled(teacher, sparse, digits[0], context, fit=fit, teacher=place)

    assert by_file.file == distilled(teacher, sparse, digits[0], context, fit=fit).file
