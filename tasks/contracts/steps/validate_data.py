"""The contracts of the step `validate_data`."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from featherline.tasks.contracts.base import Contract, Fraction, NameOrEmpty
from featherline.tasks.contracts.external_state import AcceptedBefore, External
from featherline.tasks.contracts.references import DatasetRef, VerdictRef
from featherline.tasks.contracts.step import Params


class ValidateDataInputs(Contract):
    """The data set to judge."""

    data: DatasetRef


class ValidateDataParams(Params):
    """The rules of the data gate."""

    min_examples: int = Field(100, gt=0, description="Of the train split.")
    min_stratum_fraction: Fraction = Field(0.01, description="Of each split, for its rarest stratum.")
    max_duplicate_fraction: Fraction = Field(0.01, description="Equal examples within a split.")
    max_leaked_examples: int = Field(
        0, ge=0, description="Examples that are in two of train (calibration counts as train), validation and test."
    )
    min_calibration_per_stratum: int = Field(1, ge=0, description="Examples of each stratum in the calibration split.")
    max_strata_drift: float = Field(
        0.1, ge=0, description="KL divergence of the histogram of strata from the last accepted data."
    )
    max_input_drift: float = Field(0.25, ge=0, description="Shift of a channel's mean, in its standard deviations.")
    docs: bool = Field(default=False, description="Keep Great Expectations' own pages too (4 MB).")
    recipe: NameOrEmpty = Field(
        "", description="Whose history of accepted data to compare with; the run's own where empty."
    )

    def external_state(self, inputs: Any) -> tuple[External, ...]:  # noqa: ANN401
        """Return the data set that the drift is measured from."""
        return (AcceptedBefore("data", self.recipe, inputs.data.sha256),)


class ValidateDataOutputs(Contract):
    """The verdict, and the data that passed."""

    data: DatasetRef
    verdict: VerdictRef
