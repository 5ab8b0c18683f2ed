"""From a tf_keras model to the `Model` contract: its file, its history, and what was counted and measured of it."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from featherline.tasks.contracts.model import Model, TrainingHistory
from featherline.tasks.contracts.references import HistoryRef
from featherline.tasks.networks.ends import ends_of
from featherline.tasks.networks.framework import KerasModel
from featherline.tasks.networks.macs import count_macs
from featherline.tasks.networks.model_files import put_model
from featherline.tasks.networks.zeros import kernels
from featherline.tasks.store.artifacts import Store
from featherline.tasks.training.data import TrainingData
from featherline.tasks.training.measured import validation_quality


def describe(
    store: Store,
    model: KerasModel,
    data: TrainingData,
    *,
    format: Literal["keras", "qat_h5"] = "keras",  # noqa: A002 - the contract's own field
    before: Model | None,
    stage: str,
    history: TrainingHistory | None,
    **changes: Any,  # noqa: ANN401 - fields of `Model`
) -> Model:
    """Store a model and say what it is.

    Args:
        store: Gets the file and the history.
        model: What is described.
        data: Its validation split is what `validation_quality` is measured on, its preprocessing the model's.
        format: `qat_h5` for quantization-aware models.
        before: The model that this one was made from; what is known of it is carried on.
        stage: What was done to it, for people.
        history: Of the training, if there was one; one without epochs is left out.
        changes: Fields of `Model` that differ from what is carried on, such as `sparsity` and `clusters`.
    """
    carried = (
        {"sparsity": before.sparsity, "clusters": before.clusters, "off_target": before.off_target} if before else {}
    )
    histories = before.histories if before else ()
    if history is not None and history.loss:
        histories = (*histories, store.put(history, HistoryRef))
    fields = {
        "parameters": _parameters(model),
        "macs": count_macs(model),
        "zeros": sum(int((kernel == 0).sum()) for kernel in kernels(model).values()),
        "validation_quality": validation_quality(model, data),
        "ends": ends_of(model, tuple(data.preprocessing), tuple(data.outputs)),
        "preprocessing": dict(data.preprocessing) or (before.preprocessing if before else {}),
        "stages": (*(before.stages if before else ()), stage),
        "histories": histories,
        **carried,
        **changes,
    }
    return Model(file=put_model(store, model, format), format=format, **fields)


def _parameters(model: KerasModel) -> int:
    """Count the weights, without the ranges that quantization-aware training keeps beside them."""
    names = [(weight.name.split("/")[-1].split(":")[0], int(np.prod(weight.shape))) for weight in model.weights]
    return sum(size for name, size in names if not name.endswith(("_min", "_max", "optimizer_step")))
