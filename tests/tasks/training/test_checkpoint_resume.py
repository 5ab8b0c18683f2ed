"""Each step that trains, killed after its first epoch: it goes on from there, and ends where it would have ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.fit import DistillationSettings, Fit
from featherline.tasks.contracts.model import Architecture, Model, TrainingHistory
from featherline.tasks.contracts.references import DatasetRef
from featherline.tasks.contracts.steps.distill import DistillInputs, DistillParams
from featherline.tasks.contracts.steps.prune import PruneInputs, PruneParams
from featherline.tasks.contracts.steps.quantize import QuantizeInputs, QuantizeParams
from featherline.tasks.contracts.steps.train import TrainInputs, TrainParams
from featherline.tasks.contracts.steps.trim import TrimInputs, TrimParams
from featherline.tasks.networks.model_files import load_model
from featherline.tasks.running.context import Context
from featherline.tasks.running.work import Work
from featherline.tasks.steps.distill import distill
from featherline.tasks.steps.prune import prune
from featherline.tasks.steps.quantize import quantize
from featherline.tasks.steps.train import train
from featherline.tasks.steps.trim import trim
from featherline.tasks.store.artifacts import Store
from featherline.tasks.training.checkpoint import Checkpoint, TrainingState

FIT = Fit(epochs=3, batch_size=60, learning_rate=2e-3)
NETWORK = Architecture(builder="cnn", options={"widths": [16, 32], "dense": 16})


class KilledError(Exception):
    """Stands in for the signal: nothing of the step runs after it."""


@pytest.fixture
def baseline(context: Context, digits: tuple[DatasetRef, Dataset]) -> Model:
    """Give a network that was trained for two epochs."""
    given = TrainParams(architecture=NETWORK, fit=FIT.model_copy(update={"epochs": 2}))
    return train(TrainInputs(data=digits[0]), given, context).model


def prune_with(**given: Any) -> Callable[[Model, DatasetRef, Context], Model]:
    """Return a call of the step prune."""
    params = PruneParams.model_validate({"fit": FIT, **given})
    return lambda model, data, context: prune(PruneInputs(model=model, data=data), params, context).model


def distill_with(**given: Any) -> Callable[[Model, DatasetRef, Context], Model]:
    """Return a call of the step distill."""
    params = DistillParams.model_validate({"method": "logits", "fit": FIT, **given})
    return lambda model, data, context: (
        distill(DistillInputs(teacher=model, student=model, data=data), params, context).model
    )


def quantize_with(**given: Any) -> Callable[[Model, DatasetRef, Context], Model]:
    """Return a call of the step quantize."""
    params = QuantizeParams.model_validate({"fit": FIT, **given})
    return lambda model, data, context: (
        quantize(QuantizeInputs(teacher=model, model=model, data=data), params, context).model
    )


TRAININGS = {
    "train": lambda _, data, context: (
        train(TrainInputs(data=data), TrainParams(architecture=NETWORK, fit=FIT), context).model
    ),
    "prune channel, taught": prune_with(method="channel", keep_macs=0.5, distillation=DistillationSettings()),
    "prune channel, in rounds": prune_with(method="channel", keep_macs=0.5, rounds=2),
    "prune magnitude": prune_with(method="magnitude", sparsity=0.5),
    "prune 2:4": prune_with(method="2:4"),
    "trim": lambda model, data, context: (
        trim(
            TrimInputs(student=model, teacher=model, data=data),
            TrimParams(method="channel", keep_macs=0.5, distillation=DistillationSettings(), fit=FIT),
            context,
        ).model
    ),
    "distill": distill_with(),
    "distill into a new one": distill_with(architecture=NETWORK),
    "distill into itself": distill_with(method="self"),
    "cluster": quantize_with(scheme="dynamic_wi8_afp32", clusters=8),
    "quantize qat": quantize_with(scheme="int8", qat=True),
}


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Model]], None]:
    """Give what runs a training until its first checkpoint is written."""
    monkeypatch.setattr(Checkpoint, "due", True)
    save = Checkpoint.save

    def save_and_die(checkpoint: Checkpoint, state: TrainingState) -> None:
        save(checkpoint, state)
        raise KilledError

    def run(training: Callable[[], Model]) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(Checkpoint, "save", save_and_die)
            with pytest.raises(KilledError):
                training()

    return run


@pytest.mark.parametrize("name", TRAININGS)
def test_a_killed_training_goes_on(
    name: str,
    baseline: Model,
    digits: tuple[DatasetRef, Dataset],
    context: Context,
    killed: Callable[[Callable[[], Model]], None],
    *,
    capsys: pytest.CaptureFixture[str],
):
    """Curves and weights are those of a training that nobody killed, and no checkpoint is left."""
    at_work = replace(context, work=Work({"of": name}))
    training = partial(TRAININGS[name], baseline, digits[0], at_work)
    whole = training()
    killed(training)
    left = list(context.store.blobs.keys("checkpoints/"))
    capsys.readouterr()

    resumed = training()

    assert len(left) == 1
    assert "goes on after epoch 1 of 3" in capsys.readouterr().out
    assert list(context.store.blobs.keys("checkpoints/")) == []
    assert losses(context.store, resumed) == pytest.approx(losses(context.store, whole), rel=1e-3)
    for ours, theirs in zip(weights(context.store, resumed), weights(context.store, whole), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-3)


def losses(store: Store, model: Model) -> tuple[float, ...]:
    """Return the loss of each epoch of a model's last training."""
    return store.read(model.histories[-1], TrainingHistory).loss


def weights(store: Store, model: Model) -> list[Any]:
    """Return the arrays of a stored model."""
    found: list[Any] = load_model(store, model).get_weights()
    return found
