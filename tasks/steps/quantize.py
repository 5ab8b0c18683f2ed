"""Quantize: prepare the model for the converter, by shared weights and by training with the rounding in the loop.

    prune, distill, trim ──► model ──► [clusters] ──► [qat] ──► model ──► export, which applies the scheme
                       train (or the user's file) ──► teacher ──┘

Without `clusters` and `qat` there is nothing to do here: the converter quantizes after training. Zeros and shared
values of the model are kept; that they are is checked at the end. A killed training goes on from its last checkpoint.

    python -m featherline.tasks quantize --request request.json --result result.json --store var/store
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np

from featherline.tasks.compression.quantization.in_training.clustering import (
    check_clusters,
    clustered_while_training,
    strip_clustering,
)
from featherline.tasks.compression.quantization.in_training.coverage import check_coverage
from featherline.tasks.compression.quantization.in_training.int4 import int4_while_training, strip_int4
from featherline.tasks.compression.quantization.in_training.qat import finished, quantized_while_training
from featherline.tasks.compression.quantization.in_training.ranges import settle_ranges
from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.fit import Fit
from featherline.tasks.contracts.model import Model
from featherline.tasks.contracts.steps.quantize import QuantizeInputs, QuantizeOutputs, QuantizeParams
from featherline.tasks.measuring.stage_effects import savings
from featherline.tasks.modalities.image.preprocessing import preprocessing_of
from featherline.tasks.networks.framework import KerasModel, keras
from featherline.tasks.networks.graph import functional
from featherline.tasks.networks.model_files import load_model
from featherline.tasks.networks.zeros import check_zeros, sparsity
from featherline.tasks.running.context import Context
from featherline.tasks.training.checkpoint import Checkpoint, checkpoint_of
from featherline.tasks.training.data import TrainingData, load_training_data
from featherline.tasks.training.describe import describe
from featherline.tasks.training.loop import fit_model
from featherline.tasks.training.teachers import read_teacher, teacher_of_run

SETTLING_IMAGES = 256
"""Of the train split, that the activation ranges start from."""


def quantize(inputs: QuantizeInputs, params: QuantizeParams, context: Context) -> QuantizeOutputs:
    """Share weights, then train with quantization in the loop, as the parameters ask.

    Raises:
        Refused: Layers that TFMOT does not cover, before any training; too few clusters; a training that diverges.
        AssertionError: Zeros or shared values were lost on the way.
    """
    keras.utils.set_random_seed(context.seed)
    network = load_model(context.store, inputs.model)
    if params.qat and params.scheme == "int8":
        check_coverage(functional(network, "quantize"))
    dataset = context.store.read(inputs.data, Dataset)
    fraction = params.fit.train_fraction
    own = preprocessing_of(inputs.model, dataset)
    data = load_training_data(context.store, dataset, own, train_fraction=fraction, seed=context.seed)
    teacher = None
    if params.distillation and params.teacher:
        read = read_teacher(params.teacher, params.teacher_preprocessing, dataset, context.store)
        teacher = read.seen_from(data)
    elif params.distillation:
        teacher = teacher_of_run(context.store, inputs.teacher, dataset).seen_from(data)
    model = inputs.model
    with ExitStack() as stack:
        clustering, qat = (stack.enter_context(checkpoint_of(context, part)) for part in ("clusters", "qat"))
        work = _Work(params, context, data, teacher)
        if params.clusters is not None:
            network, model = work.cluster(network, model, params.clusters, clustering)
        between = (model,) if params.qat and params.clusters is not None else ()
        if params.qat:
            train = work.train_for_int4 if params.scheme == "static_wi4_ai8" else work.train_for_int8
            model = train(network, model, qat)
    return QuantizeOutputs(model=model, scheme=params.scheme, between=between)


@dataclass(frozen=True)
class _Work:
    """What both trainings of the step share."""

    params: QuantizeParams
    context: Context
    data: TrainingData
    teacher: Any

    def cluster(
        self,
        network: KerasModel,
        model: Model,
        clusters: int,
        checkpoint: Checkpoint | None,
    ) -> tuple[KerasModel, Model]:
        """Share the weights of each kernel among a few values."""
        stage = f"cluster {clusters}"
        wrapped = clustered_while_training(network, clusters, keep_zeros=model.sparsity != "none")
        history = self._fit(wrapped, self.params.fit, stage, checkpoint)
        shared = strip_clustering(wrapped, clusters)
        if model.sparsity != "none":
            check_zeros(network, shared)
        result = describe(
            self.context.store, shared, self.data, before=model, stage=stage, history=history, clusters=clusters
        )
        print(savings(stage, model, result, zeros_before=sparsity(network), zeros_after=sparsity(shared)))
        return shared, result

    def train_for_int8(self, network: KerasModel, model: Model, checkpoint: Checkpoint | None) -> Model:
        """Train with the rounding of the int8 file in the loop."""
        kept = [f"{model.clusters} clusters"] * (model.clusters is not None) + ["zeros"] * (model.sparsity != "none")
        stage = " ".join(["quantize qat", *(["keeping", " and ".join(kept)] if kept else [])])
        keep_clusters = model.clusters is not None
        trained = quantized_while_training(network, keep_zeros=model.sparsity != "none", keep_clusters=keep_clusters)
        chosen = np.random.default_rng(self.context.seed).permutation(len(self.data.train_images))[:SETTLING_IMAGES]
        passes = settle_ranges(trained, self.data.train_images[chosen])
        print(f"{stage}: activation ranges set from {len(chosen)} images in {passes} passes")
        # The weights that TFMOT sets from shared values are variables still; decay would pull them apart.
        fit = self.params.fit.model_copy(update={"weight_decay": 0.0}) if keep_clusters else self.params.fit
        history = self._fit(trained, fit, stage, checkpoint)
        result_model = finished(trained, keep_clusters=keep_clusters)
        if model.sparsity != "none":
            check_zeros(network, result_model)
        if model.clusters is not None:
            check_clusters(result_model, model.clusters)
        result = describe(
            self.context.store, result_model, self.data, format="qat_h5", before=model, stage=stage, history=history
        )
        print(savings(stage, model, result, zeros_before=sparsity(network), zeros_after=sparsity(result_model)))
        return result

    def train_for_int4(self, network: KerasModel, model: Model, checkpoint: Checkpoint | None) -> Model:
        """Train with the rounding of the weights to four bits in the loop; the result is a float model on that grid."""
        stage = "quantize qat, int4"
        trained = int4_while_training(network, keep_zeros=model.sparsity != "none")
        history = self._fit(trained, self.params.fit, stage, checkpoint)
        result_model = strip_int4(trained, network)
        if model.sparsity != "none":
            check_zeros(network, result_model)
        result = describe(self.context.store, result_model, self.data, before=model, stage=stage, history=history)
        print(savings(stage, model, result, zeros_before=sparsity(network), zeros_after=sparsity(result_model)))
        return result

    def _fit(self, model: KerasModel, fit: Fit, stage: str, checkpoint: Checkpoint | None) -> Any:  # noqa: ANN401
        return fit_model(
            model,
            self.data,
            fit,
            seed=self.context.seed,
            stage=stage,
            teacher=self.teacher,
            distillation=self.params.distillation,
            checkpoint=checkpoint,
        )
