"""How good a network is on the validation split."""

from __future__ import annotations

from featherline.tasks.networks.framework import KerasModel
from featherline.tasks.networks.predict import predict
from featherline.tasks.problems.scored import quality_value
from featherline.tasks.training.data import TrainingData


def validation_quality(model: KerasModel, data: TrainingData) -> float:
    """Return the quality of a network's outputs on the validation split."""
    return quality_value(data.problem, predict(model, data.validation.inputs), data.validation.targets)
