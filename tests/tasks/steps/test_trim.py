"""The step trim: a student pruned after distillation, as `prune` does it, with the baseline as teacher."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from featherline.tasks.contracts.candidate import Candidate
from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.fit import DistillationSettings, Fit
from featherline.tasks.contracts.model import Architecture, Model
from featherline.tasks.contracts.references import DatasetRef
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.steps.distill import DistillParams
from featherline.tasks.contracts.steps.prune import PruneParams
from featherline.tasks.contracts.steps.trim import TrimInputs, TrimOutputs, TrimParams
from featherline.tasks.networks.framework import keras
from featherline.tasks.networks.macs import count_macs
from featherline.tasks.networks.model_files import load_model
from featherline.tasks.networks.zeros import breaks_two_of_four, kernels
from featherline.tasks.networks.zoo.cnn import cnn
from featherline.tasks.running.context import Context
from featherline.tasks.steps.trim import trim
from featherline.tasks.store.artifacts import Store
from featherline.tasks.training.data import load_training_data
from featherline.tasks.training.describe import describe
from featherline.tasks.training.loop import fit_model

FIT = Fit(epochs=2, batch_size=60, learning_rate=2e-3)


@pytest.fixture
def pair(store: Store, digits: tuple[DatasetRef, Dataset]) -> dict[str, Model]:
    """Give a teacher and a student of another architecture, both trained for a moment."""
    data = load_training_data(store, digits[1])
    found = {}
    for name, widths in {"teacher": (16, 16), "student": (16, 32)}.items():
        keras.utils.set_random_seed(0)
        network = cnn((8, 8, 1), 10, widths=widths, dense=16)
        history = fit_model(network, data, FIT.model_copy(update={"learning_rate": 5e-3}), seed=0, stage=name)
        found[name] = describe(store, network, data, before=None, stage=name, history=history)
    return found


def test_a_student_is_pruned_with_the_baseline_as_teacher(
    pair: dict[str, Model], digits: tuple[DatasetRef, Dataset], context: Context
) -> None:
    """Half of the student's MACs are gone; who the teacher is shows in the weights that come out."""
    given = TrimParams(method="channel", keep_macs=0.5, fit=FIT, distillation=DistillationSettings(alpha=1))
    inputs = TrimInputs(student=pair["student"], teacher=pair["teacher"], data=digits[0])

    model = trim(inputs, given, context).model
    alone = trim(inputs.model_copy(update={"teacher": pair["student"]}), given, context).model

    assert model.macs == count_macs(load_model(context.store, model)) <= 0.5 * pair["student"].macs
    assert model.stages == ("student", "prune channel l2 0.5")
    assert model.parameters == alone.parameters
    assert model.file.sha256 != alone.file.sha256


def test_zeros_come_after_channels(
    pair: dict[str, Model], digits: tuple[DatasetRef, Dataset], context: Context
) -> None:
    """A narrower model becomes sparse in the same lane, and is described as both."""
    inputs = TrimInputs(student=pair["student"], teacher=pair["teacher"], data=digits[0])

    narrow = trim(inputs, TrimParams(method="channel", keep_macs=0.5, fit=FIT), context).model
    sparse = trim(inputs.model_copy(update={"student": narrow}), TrimParams(method="2:4", fit=FIT), context).model

    assert sparse.stages == ("student", "prune channel l2 0.5", "prune 2:4")
    assert (sparse.macs, sparse.sparsity) == (narrow.macs, "2:4")
    zeros = kernels(load_model(context.store, sparse)).values()
    assert all(breaks_two_of_four(kernel) == 0 for kernel in zeros)


def test_a_target_out_of_reach_is_told_in_this_section(
    pair: dict[str, Model], digits: tuple[DatasetRef, Dataset], context: Context
) -> None:
    """The parameters that the message names are those that its reader has written."""
    inputs = TrimInputs(student=pair["student"], teacher=pair["teacher"], data=digits[0])

    with pytest.raises(Refused) as refusal:
        trim(inputs, TrimParams(method="channel", keep_macs=0.01, fit=FIT), context)

    assert refusal.value.problems[0].what.startswith("trim cannot bring the model to 0.01 of its MACs")
    assert "trim.keep_macs" in str(refusal.value)
    assert "prune." not in str(refusal.value)


def test_a_student_of_whom_nothing_is_asked_goes_on_as_it_is(pair: dict[str, Model], digits: Any) -> None:
    """By the contract alone, without a process."""
    inputs = TrimInputs(student=pair["student"], teacher=pair["teacher"], data=digits[0])

    assert TrimParams().passthrough(inputs) == TrimOutputs(model=pair["student"])
    assert TrimParams(method="channel").passthrough(inputs) is None


def test_a_candidate_whose_zeros_would_be_lost_is_refused() -> None:
    """Pruning after distillation is there for a student that is built anew, but not after zeros."""
    built = DistillParams(method="logits", architecture=Architecture(builder="cnn"))

    Candidate(name="a", distill=built, trim=TrimParams(method="channel"))
    Candidate(name="a", prune=PruneParams(method="channel"), trim=TrimParams(method="2:4"))
    with pytest.raises(ValidationError, match="would fill the zeros"):
        Candidate(name="a", prune=PruneParams(method="2:4"), trim=TrimParams(method="channel"))
    with pytest.raises(ValidationError, match="trim prunes a student after distillation"):
        Candidate(name="a", prune=PruneParams(method="channel"), distill=built)
