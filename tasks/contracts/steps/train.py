"""The contracts of the step `train`."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field, model_validator

from featherline.tasks.contracts.base import Contract
from featherline.tasks.contracts.external_state import BuilderModule, External, files_at
from featherline.tasks.contracts.fit import Fit
from featherline.tasks.contracts.modalities.parameters import PreprocessingChoice
from featherline.tasks.contracts.model import Architecture, Model
from featherline.tasks.contracts.quality import QualityMetric, QualityValue, Slice
from featherline.tasks.contracts.references import DatasetRef
from featherline.tasks.contracts.step import Params
from featherline.tasks.contracts.transfer import Freezing, NewHead


class TrainInputs(Contract):
    """The data that passed its gate."""

    data: DatasetRef


class TrainParams(Params):
    """What to train, or which file to take as it is."""

    architecture: Architecture | None = Field(None, description="Built and trained.")
    file: str | None = Field(
        None, description="A .keras or .h5 file or SavedModel folder (path or s3://) to start from."
    )
    head: NewHead | None = Field(None, description="Takes the place of the file's own.")
    preprocessing: PreprocessingChoice = Field(
        "auto",
        description="From a value to the model's input; auto finds that of a file, and is data's own otherwise.",
    )
    fit: Fit = Field(Fit(), description="With a file and 0 epochs the file is taken as it is.")
    freezing: Freezing = Field(Freezing(), description="Which layers of the file do not learn, and how fast others do.")

    @model_validator(mode="after")
    def _thaws_in_time(self) -> Self:
        if beyond := self.freezing.beyond(self.fit.epochs):
            raise ValueError(f"thaw.after below epochs, which are {self.fit.epochs}, not {beyond[-1]}")
        if self.freezing.pretrained_rate is not None and self.head is None:
            raise ValueError("head beside pretrained_rate: without a new one the file brought everything")
        return self

    def external_state(self, inputs: Any) -> tuple[External, ...]:  # noqa: ANN401, ARG002
        """Return the user's own model file and the user's own builder."""
        builder = (BuilderModule("builder", self.architecture.builder),) if self.architecture else ()
        return (*files_at("file", self.file), *builder)


class ValidationMetrics(Contract):
    """A model's behaviour on the validation split."""

    quality: QualityValue
    metric: QualityMetric = QualityMetric()
    problem: str = "classification"
    loss: float
    slices: tuple[Slice, ...]
    samples: int


class TrainOutputs(Contract):
    """The float baseline, which is also the teacher."""

    model: Model
    metrics: ValidationMetrics
