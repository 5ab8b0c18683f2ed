"""The contracts of the step `validate_model`."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from featherline.tasks.contracts.base import Contract, Fraction, NameOrEmpty
from featherline.tasks.contracts.external_state import AcceptedBefore, External
from featherline.tasks.contracts.model import Model
from featherline.tasks.contracts.references import VerdictRef
from featherline.tasks.contracts.step import Params
from featherline.tasks.contracts.steps.train import ClassMetrics


class ValidateModelInputs(Contract):
    """The float baseline."""

    model: Model
    metrics: ClassMetrics


class ValidateModelParams(Params):
    """The rules of the teacher's gate."""

    min_accuracy: Fraction | None = Field(
        None, description="On the validation split. Absent: 0.5, and surely better than a guess."
    )
    max_drop: Fraction = Field(0.02, description="Against the last accepted baseline of the recipe.")
    min_class_recall: Fraction = Field(0.01, description="Below it a class is dead.")
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
