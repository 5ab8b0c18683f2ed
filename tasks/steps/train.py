"""Train: fit a network to the data, or take the user's own file, as the float baseline and teacher of every lane.

    data ──► [train] ◄── architecture (a builder of networks.zoo, or module:function) or file (.keras, .h5, SavedModel)
                │                                                     with its own end, or with a new head
                └──► model that gives logits, and its metrics on the validation split

What could not be stored, read back or counted afterwards is refused before the first epoch. A killed training goes on
from its last checkpoint; one whose dry run is refused ends with it. With a file and 0 epochs the file is taken as it
is, measured. Of a file's layers some may be frozen; what is stored is a plain model, in which every layer may learn.

    python -m featherline.tasks train --request request.json --result result.json --store var/store
"""

from __future__ import annotations

from typing import NamedTuple

from featherline.tasks.compression.dry_run.network import check_network
from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.contracts.steps.train import TrainInputs, TrainOutputs, TrainParams
from featherline.tasks.modalities.feeding import Feeding, in_words
from featherline.tasks.networks.framework import KerasModel
from featherline.tasks.networks.graph import functional
from featherline.tasks.networks.transfer.layers import frozen_of
from featherline.tasks.networks.transfer.network import read_network
from featherline.tasks.networks.zoo.build import build
from featherline.tasks.problems.opening import open_problem
from featherline.tasks.problems.scored import validation_metrics
from featherline.tasks.running.context import Context
from featherline.tasks.training.backbone_preprocessing import preprocessing_of_backbone
from featherline.tasks.training.early_end import DryRunWatch
from featherline.tasks.training.foreign_preprocessing import preprocessing_of_built, preprocessing_of_file
from featherline.tasks.training.measured import outputs_of
from featherline.tasks.training.session import TrainingSession
from featherline.tasks.training.thawing import Thawing


def train(inputs: TrainInputs, params: TrainParams, context: Context) -> TrainOutputs:
    """Build or read the network, fit it, measure it and store it.

    Raises:
        Refused: The architecture cannot be built or stored, the file cannot be used, training diverged, or the dry run
            of the same run was refused.
    """
    with TrainingSession(inputs.data, context) as session, DryRunWatch(context) as watch:
        begun = _network(params, session.dataset, context)
        model = begun.model
        session.feed(begun.preprocessing, params.fit.train_fraction)
        print(f"preprocessing {in_words(begun.preprocessing)}")
        history = session.fit(model, params.fit, stage="train", callbacks=[watch], thawing=begun.thawing)
        trained = session.result(model, _stage(params), history)
        data = session.data
        outputs = outputs_of(model, data.validation)
        metrics = validation_metrics(data.problem, outputs, data.validation.targets, session.dataset.vocabulary)
    print(
        f"baseline: {trained.parameters:,} parameters, {trained.macs:,} MACs, "
        f"validation {metrics.metric.told(metrics.quality)} of {metrics.samples} samples"
    )
    return TrainOutputs(model=trained, metrics=metrics)


class _Begun(NamedTuple):
    """What training begins with."""

    model: KerasModel
    preprocessing: Feeding
    thawing: Thawing | None = None


def _network(params: TrainParams, dataset: Dataset, context: Context) -> _Begun:
    """Return the network, its own preprocessing, and which of its layers learn when."""
    shape, outputs = dataset.input_shape, open_problem(dataset.problem).answers(dataset.vocabulary)
    if params.architecture is not None and params.file is None:
        model = build(params.architecture, shape, outputs)
        check_network(model, params.architecture.builder)
        return _Begun(model, preprocessing_of_built(model, params.preprocessing, dataset))
    if params.file is not None and params.architecture is None:
        return _of_file(params, params.file, dataset, context)
    raise refuse(
        "train has no one model to begin with",
        expected="either model.builder or model.file",
        got="both" if params.file else "neither",
        fix="give one of them in the recipe's section model",
    )


def _of_file(params: TrainParams, file: str, dataset: Dataset, context: Context) -> _Begun:
    """Return what a file is begun with: as it is, or its backbone under a new head."""
    if params.head is not None and params.fit.epochs == 0:
        raise refuse(
            f"{file} has a new head that is never trained",
            expected="at least 1 epoch (train.epochs): the weights of a new head are fresh",
            got="0 epochs",
            fix="raise train.epochs",
        )
    outputs = open_problem(dataset.problem).answers(dataset.vocabulary)
    model, head = read_network(file, params.head, dataset.input_shape, outputs)
    choice, store = params.preprocessing, context.store
    if params.head is None:
        taken = params.fit.epochs == 0
        own = preprocessing_of_file(model, file, choice, dataset, store, as_it_is=taken)
    else:
        check_network(model, file)
        own = preprocessing_of_backbone(model, file, choice, dataset, store)
    if not params.freezing.asked:
        return _Begun(model, own)
    model, frozen = model if head else functional(model, "train"), params.freezing.frozen
    names = [] if frozen is None else frozen_of(model, file, frozen, head)
    return _Begun(model, own, Thawing.of(model, file, names, params.freezing, head))


def _stage(params: TrainParams) -> str:
    if params.architecture is not None:
        options = ", ".join(f"{name}={value}" for name, value in sorted(params.architecture.options.items()))
        return f"train {params.architecture.builder}({options}), {params.fit.epochs} epochs"
    if params.fit.epochs == 0:
        return "take the file as it is"
    what = ["the file"] + ["under a new head"] * (params.head is not None)
    frozen, thaw = params.freezing.frozen, params.freezing.thaw
    what += [f"with frozen layers{', thawed later' if thaw else ''}"] * (frozen is not None)
    return f"train {' '.join(what)}, {params.fit.epochs} epochs"
