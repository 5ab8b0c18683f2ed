"""The contracts of the step `trim`."""

from __future__ import annotations

from typing import Any

from featherline.tasks.contracts.base import Contract
from featherline.tasks.contracts.model import Model
from featherline.tasks.contracts.references import DatasetRef
from featherline.tasks.contracts.steps.prune import PruneParams


class TrimInputs(Contract):
    """The student after distillation, and the float baseline."""

    student: Model
    teacher: Model
    data: DatasetRef


class TrimParams(PruneParams):
    """The parameters of `featherline.tasks.steps.trim`: those of `prune`."""

    def passthrough(self, inputs: Any) -> Contract | None:  # noqa: ANN401
        """Hand the student on where nothing is pruned."""
        return TrimOutputs(model=inputs.student) if self.method == "none" else None


class TrimOutputs(Contract):
    """The student, smaller or sparse."""

    model: Model
