"""Train: fit a network to the data, or take the user's own file, as the float baseline and teacher of every lane.

    data ──► [train] ◄── architecture (a builder of networks.zoo, or module:function) or file (.keras, .h5, SavedModel)
                │
                └──► model that gives logits, and its metrics on the validation split

What could not be stored, read back or counted afterwards is refused before the first epoch. A killed training goes on
from its last checkpoint; one whose dry run is refused ends with it. With a file and 0 epochs the file is taken as it
is, measured.

    python -m featherline.tasks train --request request.json --result result.json --store var/store
"""

from __future__ import annotations

from featherline.tasks.compression.dry_run.network import check_network
from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.contracts.steps.train import TrainInputs, TrainOutputs, TrainParams
from featherline.tasks.modalities.feeding import Feeding, in_words
from featherline.tasks.networks.foreign.read import read_model
from featherline.tasks.networks.framework import KerasModel
from featherline.tasks.networks.predict import predict
from featherline.tasks.networks.zoo.build import build
from featherline.tasks.problems.opening import open_problem
from featherline.tasks.problems.scored import validation_metrics
from featherline.tasks.running.context import Context
from featherline.tasks.training.early_end import DryRunWatch
from featherline.tasks.training.foreign_preprocessing import preprocessing_of_built, preprocessing_of_file
from featherline.tasks.training.session import TrainingSession


def train(inputs: TrainInputs, params: TrainParams, context: Context) -> TrainOutputs:
    """Build or read the network, fit it, measure it and store it.

    Raises:
        Refused: The architecture cannot be built or stored, the file cannot be used, training diverged, or the dry run
            of the same run was refused.
    """
    with TrainingSession(inputs.data, context) as session, DryRunWatch(context) as watch:
        model, own = _network(params, session.dataset, context)
        session.feed(own, params.fit.train_fraction)
        print(f"preprocessing {in_words(own)}")
        history = session.fit(model, params.fit, stage="train", callbacks=[watch])
        trained = session.result(model, _stage(params), history)
        data = session.data
        outputs = predict(model, data.validation.inputs)
        metrics = validation_metrics(data.problem, outputs, data.validation.targets, session.dataset.vocabulary)
    print(
        f"baseline: {trained.parameters:,} parameters, {trained.macs:,} MACs, "
        f"validation {metrics.metric.told(metrics.quality)} of {metrics.samples} samples"
    )
    return TrainOutputs(model=trained, metrics=metrics)


def _network(params: TrainParams, dataset: Dataset, context: Context) -> tuple[KerasModel, Feeding]:
    """Return the network and its own preprocessing."""
    shape, outputs = dataset.input_shape, open_problem(dataset.problem).answers(dataset.vocabulary)
    if params.architecture is not None and params.file is None:
        model = build(params.architecture, shape, outputs)
        check_network(model, params.architecture.builder)
        return model, preprocessing_of_built(model, params.preprocessing, dataset)
    if params.file is not None and params.architecture is None:
        model, taken = read_model(params.file, shape, outputs), params.fit.epochs == 0
        store, choice = context.store, params.preprocessing
        return model, preprocessing_of_file(model, params.file, choice, dataset, store, as_it_is=taken)
    raise refuse(
        "train has no one model to begin with",
        expected="either model.builder or model.file",
        got="both" if params.file else "neither",
        fix="give one of them in the recipe's section model",
    )


def _stage(params: TrainParams) -> str:
    if params.architecture is not None:
        options = ", ".join(f"{name}={value}" for name, value in sorted(params.architecture.options.items()))
        return f"train {params.architecture.builder}({options}), {params.fit.epochs} epochs"
    return "take the file as it is" if params.fit.epochs == 0 else f"train the file, {params.fit.epochs} epochs"
