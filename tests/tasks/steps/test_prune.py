"""The step prune: physically smaller or sparse, described truly, refused at the door."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.fit import DistillationSettings, Fit
from featherline.tasks.contracts.model import Model, TrainingHistory
from featherline.tasks.contracts.references import DatasetRef
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.steps.prune import PruneInputs, PruneParams
from featherline.tasks.networks.framework import keras
from featherline.tasks.networks.macs import count_macs
from featherline.tasks.networks.model_files import load_model
from featherline.tasks.networks.zeros import breaks_two_of_four, kernels, sparsity
from featherline.tasks.networks.zoo.cnn import cnn
from featherline.tasks.running.context import Context
from featherline.tasks.steps.prune import prune
from featherline.tasks.store.artifacts import Store
from featherline.tasks.training.data import load_training_data
from featherline.tasks.training.describe import describe
from featherline.tasks.training.loop import fit_model

FIT = Fit(epochs=2, batch_size=60, learning_rate=2e-3)


@pytest.fixture
def baseline(store: Store, digits: tuple[DatasetRef, Dataset]) -> Model:
    """Give a small network that was trained on the digits for three epochs."""
    keras.utils.set_random_seed(0)
    data = load_training_data(store, digits[1])
    network = cnn((8, 8, 1), 10, widths=(16, 32), dense=32)
    history = fit_model(network, data, Fit(epochs=3, batch_size=60, learning_rate=5e-3), seed=0, stage="train")
    return describe(store, network, data, before=None, stage="train", history=history)


def run(baseline: Model, data: DatasetRef, context: Context, **params: Any) -> tuple[Model, Any]:
    """Prune, and give the model with its network."""
    given = PruneParams.model_validate({"fit": FIT, **params})
    model = prune(PruneInputs(model=baseline, data=data), given, context).model
    return model, load_model(context.store, model)


def test_channel_pruning_makes_the_file_smaller(
    baseline: Model, digits: tuple[DatasetRef, Dataset], context: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    """Half of the MACs: fewer parameters, a smaller file, still a classifier, and the log says the effect."""
    fit = FIT.model_copy(update={"epochs": 6})

    model, network = run(
        baseline, digits[0], context, method="channel", keep_macs=0.5, distillation=DistillationSettings(), fit=fit
    )

    assert model.macs == count_macs(network) <= 0.5 * baseline.macs
    assert model.parameters == network.count_params() < baseline.parameters
    assert model.file.bytes < baseline.file.bytes
    assert model.validation_quality > 0.5
    assert model.stages == ("train", "prune channel l2 0.5 (kept 40% of the MACs, 50% asked)")
    assert len(model.histories) == 2
    assert f"MACs {baseline.macs:,} -> {model.macs:,}" in capsys.readouterr().out


def test_pruning_without_epochs_only_cuts(
    baseline: Model, digits: tuple[DatasetRef, Dataset], context: Context
) -> None:
    """With 0 epochs the model is cut and measured, and has no new history."""
    model, _ = run(baseline, digits[0], context, method="channel", keep_macs=0.6, criterion="l1", fit=Fit(epochs=0))

    assert model.macs <= 0.6 * baseline.macs
    assert model.histories == baseline.histories


def test_a_cut_that_misses_its_target_says_so(
    digits: tuple[DatasetRef, Dataset], context: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    """A network of 16 channels can lose 8 or none: the log, and the stage that reports show, tell what is left."""
    data = load_training_data(context.store, digits[1])
    network = cnn((8, 8, 1), 10, widths=(16, 16), dense=0)
    whole = describe(context.store, network, data, before=None, stage="train", history=None)

    model, _ = run(whole, digits[0], context, method="channel", keep_macs=0.7, fit=Fit(epochs=0))

    kept = f"{model.macs / whole.macs:.0%}"
    assert model.macs / whole.macs < 0.65
    assert model.stages[-1] == f"prune channel l2 0.7 (kept {kept} of the MACs, 70% asked)"
    assert model.off_target == model.stages[-1:]
    assert f"kept {kept} of the MACs, 70% asked; channels leave in blocks of 8" in capsys.readouterr().out


def test_equal_questions_give_equal_files(
    baseline: Model, digits: tuple[DatasetRef, Dataset], context: Context
) -> None:
    """Pruning is deterministic given the seed: the same file, to the byte."""
    first, _ = run(baseline, digits[0], context, method="channel", keep_macs=0.6)
    second, _ = run(baseline, digits[0], context, method="channel", keep_macs=0.6)

    assert first.file == second.file


def test_magnitude_pruning_gives_the_zeros_that_were_asked(
    baseline: Model, digits: tuple[DatasetRef, Dataset], context: Context
) -> None:
    """70 % of the kernel weights are zero, the shape stays, and the model says that it is sparse."""
    model, network = run(baseline, digits[0], context, method="magnitude", sparsity=0.7)

    assert sparsity(network) == pytest.approx(0.7, abs=0.01)
    assert (model.macs, model.parameters, model.sparsity) == (baseline.macs, baseline.parameters, "magnitude")


def test_an_early_end_does_not_leave_the_model_dense(
    baseline: Model, digits: tuple[DatasetRef, Dataset], context: Context
) -> None:
    """Patience does not count while zeros grow."""
    fit = Fit(epochs=3, batch_size=60, patience=1, learning_rate=1e-6)

    _, network = run(baseline, digits[0], context, method="magnitude", sparsity=0.6, fit=fit)

    assert sparsity(network) == pytest.approx(0.6, abs=0.01)


def test_two_of_four_holds_in_every_block(
    baseline: Model, digits: tuple[DatasetRef, Dataset], context: Context
) -> None:
    """No block of four input channels has more than two weights that are not zero."""
    model, network = run(baseline, digits[0], context, method="2:4", distillation=DistillationSettings(alpha=0.5))

    assert all(breaks_two_of_four(kernel) == 0 for kernel in kernels(network).values())
    assert model.sparsity == "2:4"


@pytest.mark.parametrize("method", ["magnitude", "2:4"])
def test_zeros_without_training_are_refused_at_the_door(method: str) -> None:
    """Weights become zero while the model learns, so that 0 epochs would leave it dense."""
    with pytest.raises(ValidationError, match="at least 1 epoch of fit"):
        PruneParams.model_validate({"method": method, "fit": {"epochs": 0}})


def test_pruning_in_rounds_is_one_stage_with_all_its_epochs(
    digits: tuple[DatasetRef, Dataset], context: Context
) -> None:
    """Slimmed for one epoch, cut twice with one epoch between and two at the end: four epochs in one history."""
    data = load_training_data(context.store, digits[1])
    network = cnn((8, 8, 1), 10, widths=(32, 32), dense=0)
    normalised = describe(context.store, network, data, before=None, stage="train", history=None)
    given = {"criterion": "bn_gamma", "slimming_epochs": 1, "slimming_strength": 1e-3, "rounds": 2}

    model, _ = run(normalised, digits[0], context, method="channel", keep_parameters=0.6, **given)

    history = context.store.read(model.histories[-1], TrainingHistory)
    assert model.stages[-1] == "prune channel bn_gamma parameters 0.6 in 2 rounds"
    assert len(history.loss) == 4
    assert model.parameters <= 0.6 * normalised.parameters


def test_gammas_that_are_missing_are_found_before_slimming(
    baseline: Model, digits: tuple[DatasetRef, Dataset], context: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    """The dense layer of the network has no batch normalisation: refused, and not one epoch was spent."""
    capsys.readouterr()

    with pytest.raises(Refused) as refused:
        run(baseline, digits[0], context, method="channel", criterion="bn_gamma", slimming_epochs=1)

    assert "by bn_gamma" in refused.value.problems[0].what
    assert "loss" not in capsys.readouterr().out


@pytest.mark.parametrize("criterion", ["fpgm", "taylor", "random"])
def test_every_criterion_reaches_the_target(
    criterion: str, baseline: Model, digits: tuple[DatasetRef, Dataset], context: Context
) -> None:
    """Cut by sensitivity or by one ranking, the MACs are what was asked."""
    given = {"criterion": criterion, "ratios": "sensitivity", "fit": Fit(epochs=0)}

    model, _ = run(baseline, digits[0], context, method="channel", keep_macs=0.6, **given)

    assert 0.5 * baseline.macs <= model.macs <= 0.6 * baseline.macs


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"keep_macs": 0.5, "keep_latency": 0.5}, "keep_latency as the only target, not keep_macs and keep_latency"),
        ({"criterion": "l2", "slimming_epochs": 1}, "criterion bn_gamma with slimming_epochs"),
        ({"teacher": "teacher.keras"}, "distillation beside teacher"),
    ],
)
def test_parameters_that_contradict_each_other_are_refused_at_the_door(given: dict[str, Any], message: str) -> None:
    """Nothing that is asked is silently left out."""
    with pytest.raises(ValidationError, match=message):
        PruneParams.model_validate({"method": "channel", **given})


def test_a_target_survives_the_way_through_json() -> None:
    """Half of the MACs is what is meant without a target; with another one the MACs are free."""
    assert PruneParams().targets == {"macs": 0.5}
    sized = PruneParams(method="channel", keep_size=0.3)
    assert PruneParams.model_validate_json(sized.to_json()).targets == {"size": 0.3}
