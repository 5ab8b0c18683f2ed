"""A model that is not fed by the data set's own, through every step of a lane."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.fit import DistillationSettings, Fit
from featherline.tasks.contracts.measurement import Measurement
from featherline.tasks.contracts.model import Architecture, Model, TrainingHistory
from featherline.tasks.contracts.references import DatasetRef
from featherline.tasks.contracts.steps.distill import DistillInputs, DistillParams
from featherline.tasks.contracts.steps.evaluate import EvaluateInputs, EvaluateParams
from featherline.tasks.contracts.steps.export import ExportInputs, ExportParams
from featherline.tasks.contracts.steps.prune import PruneInputs, PruneParams
from featherline.tasks.contracts.steps.quantize import QuantizeInputs, QuantizeParams
from featherline.tasks.data.dataset import read_split
from featherline.tasks.litert import metadata
from featherline.tasks.litert.interpreter import FileRunner
from featherline.tasks.modalities.image.preprocessing import model_inputs, named
from featherline.tasks.networks.framework import keras
from featherline.tasks.networks.model_files import load_model, put_model
from featherline.tasks.networks.predict import predict
from featherline.tasks.networks.zoo.cnn import cnn
from featherline.tasks.problems.classification.problem import Classification
from featherline.tasks.problems.scored import quality_value
from featherline.tasks.running.context import Context
from featherline.tasks.steps.distill import distill
from featherline.tasks.steps.evaluate import evaluate
from featherline.tasks.steps.export import export
from featherline.tasks.steps.prune import prune
from featherline.tasks.steps.quantize import quantize
from featherline.tasks.store.artifacts import Store
from featherline.tasks.training.data import load_training_data
from featherline.tasks.training.describe import describe

FIT = Fit(epochs=1, batch_size=100, learning_rate=1e-4)


@pytest.fixture
def store(shared_store: Store) -> Store:
    """Give the store in which the small network is exported once."""
    return shared_store


@pytest.fixture
def raw(small_model: Model, store: Store, digits: tuple[DatasetRef, Dataset], made: dict[str, Any]) -> Model:
    """Give the small network with the data's own preprocessing inside, so that it takes pixels."""
    if "raw" not in made:
        own = digits[1].inputs["image"].statistics
        image = keras.Input((8, 8, 1))
        inside = keras.layers.Rescaling(1 / (own.scale * own.std[0]), offset=-own.mean[0] / own.std[0])(image)
        network = keras.Model(image, load_model(store, small_model)(inside))
        update = {
            "file": put_model(store, network),
            "preprocessing": {"image": named("raw", digits[1].inputs["image"])},
        }
        made["raw"] = small_model.model_copy(update=update)
    found: Model = made["raw"]
    return found


@pytest.mark.parametrize("scheme", ["float32", "int8"])
def test_the_file_is_calibrated_measured_and_described_as_its_model_is_fed(
    scheme: Any, raw: Model, context: Context, digits: tuple[DatasetRef, Dataset]
) -> None:
    """Pixels go in: validation, golden vectors, test accuracy and metadata are of pixels."""
    exported = export(ExportInputs(model=raw, scheme=scheme, data=digits[0]), ExportParams(golden=2), context).model
    measured = evaluate(EvaluateInputs(model=exported, data=digits[0]), EvaluateParams(runs=20), context)

    said = metadata.read(context.store.read_bytes(exported.file))
    examples, labels = read_split(context.store, digits[1], "test")
    images = examples["image"]
    logits = FileRunner(context.store.read_bytes(exported.file)).predict(images.astype(np.float32))
    assert said is not None
    assert said.preprocessing == raw.preprocessing
    assert exported.validation_quality == pytest.approx(raw.validation_quality, abs=0.03)
    measurement = context.store.read(measured.measurement, Measurement)
    assert measurement.quality.value == quality_value(Classification(), logits, labels) > 0.85


@pytest.mark.parametrize("step", ["prune", "distill", "clusters"])
def test_each_step_feeds_a_model_by_its_own(
    step: str, raw: Model, context: Context, digits: tuple[DatasetRef, Dataset]
) -> None:
    """What is pruned, distilled or clustered is still fed pixels, and knows what it knew."""
    settings = DistillationSettings(alpha=1.0)
    if step == "prune":
        cut = PruneParams(method="channel", keep_macs=0.9, fit=FIT, distillation=settings)
        made = prune(PruneInputs(model=raw, data=digits[0]), cut, context).model
    elif step == "clusters":
        clustered = QuantizeParams(clusters=64, fit=FIT, distillation=settings)
        made = quantize(QuantizeInputs(model=raw, teacher=raw, data=digits[0]), clustered, context).model
    else:
        params = DistillParams(method="logits", fit=FIT, distillation=settings)
        made = distill(DistillInputs(teacher=raw, student=raw, data=digits[0]), params, context).model

    fed = named("raw", digits[1].inputs["image"])
    assert made.preprocessing is not None
    assert made.preprocessing["image"].numbers() == fed.numbers()
    examples, labels = read_split(context.store, digits[1], "validation")
    images = examples["image"]
    logits = predict(load_model(context.store, made), model_inputs(images, fed))
    assert quality_value(Classification(), logits, labels) == pytest.approx(made.validation_quality)
    assert made.validation_quality > 0.7


def test_a_student_built_anew_is_fed_the_datas_own_and_distilled_the_same(
    raw: Model, small_model: Model, context: Context, digits: tuple[DatasetRef, Dataset]
) -> None:
    """By a teacher of pixels it learns what it learns from the same teacher that is fed as itself."""
    anew = Architecture(builder="cnn", options={"widths": [8], "dense": 0})
    params = DistillParams(method="logits", architecture=anew, fit=FIT.model_copy(update={"crop": 1}))
    curves = []
    for teacher in (raw, small_model):
        student = distill(DistillInputs(teacher=teacher, student=teacher, data=digits[0]), params, context).model
        curves.append(context.store.read(student.histories[-1], TrainingHistory).loss)
        assert student.preprocessing is not None
        assert student.preprocessing["image"].name == "data"

    assert curves[0] == pytest.approx(curves[1], rel=1e-3)


def test_a_teacher_by_file_is_found_to_be_fed_by_its_own(
    raw: Model, context: Context, digits: tuple[DatasetRef, Dataset], tmp_path: Any, capsys: Any
) -> None:
    """The student takes the data's own, its teacher pixels; the log says both, and the teacher's accuracy is right."""
    load_model(context.store, raw).save(tmp_path / "teacher.keras")
    keras.utils.set_random_seed(0)
    data = load_training_data(context.store, digits[1])
    network = cnn((8, 8, 1), 10, widths=(8,), dense=0)
    model = describe(context.store, network, data, before=None, stage="fresh", history=None)
    params = DistillParams(method="logits", teacher=str(tmp_path / "teacher.keras"), fit=FIT)

    student = distill(DistillInputs(teacher=model, student=model, data=digits[0]), params, context).model

    out = capsys.readouterr().out
    assert "teacher.keras: preprocessing raw" in out
    assert f"validation accuracy of the teacher {100 * raw.validation_quality:.2f} %" in out
    assert student.preprocessing is not None
    assert student.preprocessing["image"].name == "data"
