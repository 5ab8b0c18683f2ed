"""The step `train`: a network or a file, fitted, measured and stored."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.fit import Fit
from featherline.tasks.contracts.model import Architecture, TrainingHistory
from featherline.tasks.contracts.references import DatasetRef
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.request import StepRecord
from featherline.tasks.contracts.steps.train import TrainInputs, TrainParams
from featherline.tasks.networks.framework import keras
from featherline.tasks.networks.model_files import load_model
from featherline.tasks.networks.predict import predict
from featherline.tasks.problems.classification.problem import Classification
from featherline.tasks.problems.scored import quality_value
from featherline.tasks.running import run_records
from featherline.tasks.running.context import Context
from featherline.tasks.running.execute import work_of
from featherline.tasks.steps.train import train
from featherline.tasks.training.checkpoint import Checkpoint, checkpoint_of
from featherline.tasks.training.data import load_training_data

CNN = Architecture(builder="cnn", options={"widths": [8, 16], "dense": 0})
FIT = Fit(epochs=3, batch_size=32, learning_rate=0.02)


def test_trains_what_the_zoo_builds(context: Context, digits: tuple[DatasetRef, Dataset]) -> None:
    """The stored model has the accuracy that its contract says, its cost, its history, and no checkpoint left."""
    outputs = train(TrainInputs(data=digits[0]), TrainParams(architecture=CNN, fit=FIT), context)

    data = load_training_data(context.store, digits[1])
    logits = predict(load_model(context.store, outputs.model), data.validation.inputs)
    history = context.store.read(outputs.model.histories[0], TrainingHistory)
    assert outputs.metrics.quality == pytest.approx(quality_value(Classification(), logits, data.validation.targets))
    assert outputs.model.validation_quality == outputs.metrics.quality == pytest.approx(max(history.validation_quality))
    assert outputs.metrics.quality > 0.7
    assert outputs.metrics.samples == 100
    assert outputs.model.macs == 8 * 8 * 9 * 8 + 4 * 4 * 9 * 8 * 16 + 16 * 10
    assert outputs.model.parameters == 72 + 32 + 1152 + 64 + 170
    assert outputs.model.stages == ("train cnn(dense=0, widths=[8, 16]), 3 epochs",)
    assert list(context.store.blobs.keys("checkpoints/")) == []


def test_a_training_ends_with_its_dry_run(context: Context, digits: tuple[DatasetRef, Dataset]) -> None:
    """In the middle of its epochs, for the reasons of the dry run; that of another run is none of its business."""
    problem = {"what": "no lane can be had", "expected": "one", "got": "none", "fix": "another network"}
    refused = StepRecord(step="dry_run", status="refused", seconds=1.0, problems=(problem,))
    run_records.write(context.store, "another run", refused)
    train(TrainInputs(data=digits[0]), TrainParams(architecture=CNN, fit=FIT), context)
    run_records.write(context.store, context.provenance.run_id, refused)
    endless = Fit(epochs=10_000, batch_size=32, learning_rate=0.02)

    with pytest.raises(Refused) as refusal:
        train(TrainInputs(data=digits[0]), TrainParams(architecture=CNN, fit=endless), context)

    assert refusal.value.problems[0].fix == "another network"


def test_a_network_that_cannot_be_stored_is_refused_before_its_first_epoch(
    context: Context,
    digits: tuple[DatasetRef, Dataset],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A Lambda is code in a file: it would be refused when the trained model is read."""
    (tmp_path / "halving_builder.py").write_text(
        "from featherline.tasks.networks.framework import keras\n"
        "L = keras.layers\n"
        "def net(shape, classes):\n"
        "    flat = [L.Input(shape), L.Lambda(lambda x: x / 2), L.Flatten(), L.Dense(classes)]\n"
        "    return keras.Sequential(flat)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    params = TrainParams(architecture=Architecture(builder="halving_builder:net"), fit=FIT)

    with pytest.raises(Refused) as refusal:
        train(TrainInputs(data=digits[0]), params, context)

    assert "Lambda" in refusal.value.problems[0].fix
    assert "epoch" not in capsys.readouterr().out


def test_a_file_is_taken_as_it_is(context: Context, digits: tuple[DatasetRef, Dataset], tmp_path: Path) -> None:
    """With 0 epochs the weights stay, the metrics are measured, and there is no history."""
    inputs = keras.Input((8, 8, 1))
    model = keras.Model(inputs, keras.layers.Dense(10)(keras.layers.Flatten()(inputs)))
    model.save(tmp_path / "mine.keras")

    params = TrainParams(file=str(tmp_path / "mine.keras"), preprocessing="data", fit=Fit(epochs=0))
    outputs = train(TrainInputs(data=digits[0]), params, context)

    stored = load_model(context.store, outputs.model)
    assert all((mine == its).all() for mine, its in zip(model.get_weights(), stored.get_weights(), strict=True))
    assert outputs.model.histories == ()
    assert outputs.model.stages == ("take the file as it is",)
    assert 0 <= outputs.metrics.quality < 0.5


def test_a_killed_training_is_resumed_by_the_same_work_alone(
    context: Context,
    digits: tuple[DatasetRef, Dataset],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A retry goes on from the state that was left; another recipe or seed does not see it."""
    inputs, params = TrainInputs(data=digits[0]), TrainParams(architecture=CNN, fit=FIT)

    def kill(self: Checkpoint, state: object) -> None:
        write(self, state)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    def at_work(params: TrainParams, seed: int = 0) -> Context:
        run = Context(context.store, seed=seed)
        return replace(run, work=work_of("train", inputs, params, run))

    def left(context: Context) -> bool:
        checkpoint = checkpoint_of(context).__enter__()
        return checkpoint is not None and checkpoint.load() is not None

    write = Checkpoint.save
    with monkeypatch.context() as patched:
        patched.setattr(Checkpoint, "due", True)
        patched.setattr(Checkpoint, "save", kill)
        with pytest.raises(KeyboardInterrupt):
            train(inputs, params, at_work(params))
    other_fit = params.model_copy(update={"fit": FIT.model_copy(update={"learning_rate": 0.01})})

    assert left(at_work(params))
    assert not left(at_work(other_fit))
    assert not left(at_work(params, seed=1))
    assert not left(context)
    train(inputs, params, at_work(params))
    assert "train: goes on after epoch 1 of 3" in capsys.readouterr().out


def test_the_same_seed_trains_the_same_model(context: Context, digits: tuple[DatasetRef, Dataset]) -> None:
    """Two trainings in fresh sessions give nearly equal weights and the same metrics."""
    models = []
    for _ in range(2):
        keras.backend.clear_session()
        outputs = train(TrainInputs(data=digits[0]), TrainParams(architecture=CNN, fit=FIT), context)
        models.append(load_model(context.store, outputs.model).get_weights())

    assert all(np.allclose(one, other, atol=1e-5) for one, other in zip(*models, strict=True))


@pytest.mark.parametrize(
    ("params", "got"),
    [
        (TrainParams(), "neither"),
        (TrainParams(architecture=CNN, file="x.keras"), "both"),
        (TrainParams(file="there-is-none.keras"), "nothing"),
        (TrainParams(architecture=Architecture(builder="resnet", options={"depth": 9})), "9"),
    ],
)
def test_refuses_what_it_cannot_begin_with(
    context: Context, digits: tuple[DatasetRef, Dataset], params: TrainParams, got: str
) -> None:
    """Neither or both beginnings, an absent file and an impossible network are refused, and nothing is stored."""
    before = list(context.store.blobs.keys(""))

    with pytest.raises(Refused) as refused:
        train(TrainInputs(data=digits[0]), params, context)

    assert refused.value.problems[0].got == got
    assert list(context.store.blobs.keys("")) == before


@pytest.mark.shared_data
def test_a_trained_file_of_the_wrong_data_is_refused(context: Context, digits: tuple[DatasetRef, Dataset]) -> None:
    """A network for colour photographs does not fit digits."""
    root = Path(os.environ.get("FEATHERLINE_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
    path = root / "models" / "resnet20_cifar10.keras"
    if not path.exists():
        pytest.skip(f"no {path.name} in {root}")

    with pytest.raises(Refused) as refused:
        train(TrainInputs(data=digits[0]), TrainParams(file=str(path), fit=Fit(epochs=0)), context)

    assert refused.value.problems[0].got == "an input of (32, 32, 3)"
