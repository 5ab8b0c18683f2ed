"""Quantize: prepare the model for the converter, by weight clustering and by quantization-aware training.

    prune, distill, trim ──► model ──► [clusters] ──► [qat] ──► model ──► export, which applies the scheme
                       train (or the user's file) ──► teacher ──┘

Without `clusters` and `qat` there is nothing to do here: the converter quantizes after training. Zeros and shared
values of the model are kept; that they are is checked at the end. A killed training goes on from its last checkpoint.

    python -m featherline.tasks quantize --request request.json --result result.json --store var/store
"""

from __future__ import annotations

import numpy as np

from featherline.tasks.compression.quantization.in_training.clustering import (
    check_clusters,
    clustered_while_training,
    strip_clustering,
)
from featherline.tasks.compression.quantization.in_training.coverage import check_coverage
from featherline.tasks.compression.quantization.in_training.int4 import int4_while_training, strip_int4
from featherline.tasks.compression.quantization.in_training.qat import quantized_while_training, strip_qat
from featherline.tasks.compression.quantization.in_training.ranges import initialise_ranges
from featherline.tasks.contracts.fit import Fit
from featherline.tasks.contracts.model import Model
from featherline.tasks.contracts.steps.quantize import QuantizeInputs, QuantizeOutputs, QuantizeParams
from featherline.tasks.modalities.feeding import preprocessing_of
from featherline.tasks.networks.framework import KerasModel
from featherline.tasks.networks.graph import functional
from featherline.tasks.networks.model_files import load_model
from featherline.tasks.networks.zeros import check_zeros, sparsity
from featherline.tasks.running.context import Context
from featherline.tasks.training.session import TrainingSession
from featherline.tasks.training.teachers import find_teacher

SETTLING_EXAMPLES = 256
"""Of the train split, that the activation ranges start from."""


def quantize(inputs: QuantizeInputs, params: QuantizeParams, context: Context) -> QuantizeOutputs:
    """Cluster weights, then train quantization-aware, as the parameters ask.

    Raises:
        Refused: Layers that TFMOT does not cover, before any training; too few clusters; a training that diverges.
        AssertionError: Zeros or clusters were lost on the way.
    """
    with TrainingSession(inputs.data, context) as session:
        model, network = inputs.model, load_model(context.store, inputs.model)
        if params.qat and params.scheme == "int8":
            check_coverage(functional(network, "quantize"))
        session.feed(preprocessing_of(model, session.dataset), params.fit.train_fraction)
        if params.distillation:
            teacher = find_teacher(params, inputs.teacher, session.dataset, context.store)
            session.learn_from(teacher.seen_from(session.data), params.distillation)
        if params.clusters is not None:
            network, model = _cluster(session, network, model, params.clusters, params.fit)
        between = (model,) if params.qat and params.clusters is not None else ()
        if params.qat:
            train = _train_for_int4 if params.scheme == "static_wi4_ai8" else _train_for_int8
            model = train(session, network, model, params.fit)
    return QuantizeOutputs(model=model, scheme=params.scheme, between=between)


def _cluster(
    session: TrainingSession, network: KerasModel, model: Model, clusters: int, fit: Fit
) -> tuple[KerasModel, Model]:
    """Cluster the weights of each kernel: a few distinct values."""
    stage = f"cluster {clusters}"
    wrapped = clustered_while_training(network, clusters, keep_zeros=model.sparsity != "none")
    history = session.fit(wrapped, fit, stage=stage, part="clusters")
    shared = strip_clustering(wrapped, clusters)
    if model.sparsity != "none":
        check_zeros(network, shared)
    zeros = sparsity(network)
    return shared, session.result(shared, stage, history, before=model, zeros_before=zeros, clusters=clusters)


def _train_for_int8(session: TrainingSession, network: KerasModel, model: Model, fit: Fit) -> Model:
    """Train quantization-aware for int8."""
    keep_zeros, keep_clusters = model.sparsity != "none", model.clusters is not None
    kept = [f"{model.clusters} clusters"] * keep_clusters + ["zeros"] * keep_zeros
    stage = " ".join(["quantize qat", *(["keeping", " and ".join(kept)] if kept else [])])
    wrapped = quantized_while_training(network, keep_zeros=keep_zeros, keep_clusters=keep_clusters)
    train = session.data.train
    chosen = np.random.default_rng(session.seed).permutation(len(train))[:SETTLING_EXAMPLES]
    passes = initialise_ranges(wrapped, train.take(chosen).inputs)
    print(f"{stage}: activation ranges set from {len(chosen)} examples in {passes} passes")
    # The weights that TFMOT sets from clusters are variables still; decay would pull them apart.
    fit = fit.model_copy(update={"weight_decay": 0.0}) if keep_clusters else fit
    history = session.fit(wrapped, fit, stage=stage, part="qat")
    qat_model = strip_qat(wrapped, keep_clusters=keep_clusters)
    if keep_zeros:
        check_zeros(network, qat_model)
    if model.clusters is not None:
        check_clusters(qat_model, model.clusters)
    return session.result(qat_model, stage, history, before=model, zeros_before=sparsity(network), format="qat_h5")


def _train_for_int4(session: TrainingSession, network: KerasModel, model: Model, fit: Fit) -> Model:
    """Train quantization-aware for int4 weights; the result is a float model on that grid."""
    stage = "quantize qat, int4"
    wrapped = int4_while_training(network, keep_zeros=model.sparsity != "none")
    history = session.fit(wrapped, fit, stage=stage, part="qat")
    rounded = strip_int4(wrapped, network)
    if model.sparsity != "none":
        check_zeros(network, rounded)
    return session.result(rounded, stage, history, before=model, zeros_before=sparsity(network))
