"""How good a network is on the validation split."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.networks.framework import KerasModel
from featherline.tasks.networks.predict import predict
from featherline.tasks.problems.scored import quality_value
from featherline.tasks.training.data import TrainingData
from featherline.tasks.training.part import Part


def validation_quality(model: KerasModel, data: TrainingData) -> float:
    """Return the quality of a network's outputs on the validation split."""
    return quality_value(data.problem, outputs_of(model, data.validation), data.validation.targets)


def outputs_of(model: KerasModel, part: Part) -> NDArray[np.float32]:
    """Return what a network gives for all examples of a part, (n, …), which are read block by block."""
    return np.concatenate([predict(model, block.inputs) for block in part.blocks()])
