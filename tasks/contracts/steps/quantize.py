"""The contracts of the step `quantize`."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field, model_validator

from featherline.tasks.contracts.base import Contract
from featherline.tasks.contracts.external_state import External, files_at
from featherline.tasks.contracts.fit import DistillationSettings, Fit
from featherline.tasks.contracts.modalities.parameters import PreprocessingChoice
from featherline.tasks.contracts.model import Model, Scheme
from featherline.tasks.contracts.references import DatasetRef
from featherline.tasks.contracts.schemes import SCHEMES
from featherline.tasks.contracts.step import Params
from featherline.tasks.contracts.teacher import Teacher

QAT_SCHEMES = tuple(scheme for scheme, facts in SCHEMES.items() if facts.qat)
"""What quantization-aware training knows."""


class QuantizeInputs(Contract):
    """The model to prepare for the converter, and the teacher for quantization-aware training."""

    model: Model
    teacher: Model
    data: DatasetRef


class QuantizeParams(Params):
    """The parameters of `featherline.tasks.steps.quantize`."""

    scheme: Scheme = Field("int8", description="How the file holds its numbers.")
    qat: bool = Field(
        default=False,
        description="Quantization-aware training (QAT): int8 with weights and activations rounded, static_wi4_ai8 with "
        "weights alone.",
    )
    clusters: int | None = Field(
        None, ge=2, le=256, description="Weight clustering: distinct weights in each layer, at most."
    )
    fit: Fit = Field(Fit(), description="Of weight clustering and of QAT.")
    distillation: DistillationSettings | None = Field(None, description="Train with the float baseline as teacher.")
    teacher: Teacher | None = Field(
        None, description="A model file, or models:/NAME@ALIAS, as teacher instead of the float baseline."
    )
    teacher_preprocessing: PreprocessingChoice = Field(
        "auto", description="What that teacher's inputs are made by, as model.preprocessing; auto finds it."
    )

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if self.qat and self.scheme not in QAT_SCHEMES:
            raise ValueError(f"scheme {' or '.join(QAT_SCHEMES)} where qat is true, not {self.scheme}")
        if self.qat and self.scheme == "static_wi4_ai8" and self.clusters is not None:
            raise ValueError(
                "no clusters where qat is true for static_wi4_ai8: a channel has at most 15 distinct weights then"
            )
        if self.fit.epochs == 0 and (self.qat or self.clusters is not None):
            work = "qat" if self.qat else "clusters"
            raise ValueError(f"at least 1 epoch of fit for {work}: ranges and clusters are learnt in training")
        if self.teacher is not None and self.distillation is None:
            raise ValueError("distillation beside teacher: it says how much the teacher counts")
        return self

    def passthrough(self, inputs: Any) -> Contract | None:  # noqa: ANN401
        """Hand the model on where the converter does all the work."""
        work = self.qat or self.clusters is not None
        return None if work else QuantizeOutputs(model=inputs.model, scheme=self.scheme)

    def external_state(self, inputs: Any) -> tuple[External, ...]:  # noqa: ANN401, ARG002
        """Return the user's own teacher."""
        return files_at("teacher", self.teacher)


class QuantizeOutputs(Contract):
    """The model and the scheme that the converter applies."""

    model: Model
    scheme: Scheme
    between: tuple[Model, ...] = ()
    """What the step made on the way: the clustered model, before it was trained for int8."""
