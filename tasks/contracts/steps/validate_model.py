"""The contracts of the step `validate_model`."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from featherline.tasks.contracts.base import Contract, NameOrEmpty
from featherline.tasks.contracts.external_state import AcceptedBefore, External
from featherline.tasks.contracts.model import Model
from featherline.tasks.contracts.quality import QualityDrop, QualityValue
from featherline.tasks.contracts.references import VerdictRef
from featherline.tasks.contracts.step import Params
from featherline.tasks.contracts.steps.train import ValidationMetrics


class ValidateModelInputs(Contract):
    """The float baseline."""

    model: Model
    metrics: ValidationMetrics


class ValidateModelParams(Params):
    """The rules of the teacher's gate."""

    min_quality: QualityValue | None = Field(
        None,
        description="Worst quality on the validation split that passes. Absent: what the problem asks.",
    )
    max_drop: QualityDrop = Field(0.02, description="Against the last accepted baseline of the recipe.")
    min_slice_quality: QualityValue | None = Field(
        None, description="A slice, such as a class, that is worse is dead. Absent: what the problem asks."
    )
    recipe: NameOrEmpty = Field(
        "", description="Whose history of baselines to compare with; the run's own where empty."
    )

    def external_state(self, inputs: Any) -> tuple[External, ...]:  # noqa: ANN401
        """Return the baseline that this one must not be worse than."""
        return (AcceptedBefore("baseline", self.recipe, inputs.model.file.sha256),)


class ValidateModelOutputs(Contract):
    """The verdict, and the model that passed."""

    model: Model
    verdict: VerdictRef
