"""The contracts of the step `distill`."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from featherline.tasks.contracts.base import Contract
from featherline.tasks.contracts.external_state import BuilderModule, External, files_at
from featherline.tasks.contracts.fit import DistillationSettings, Fit
from featherline.tasks.contracts.modalities.parameters import PreprocessingChoice
from featherline.tasks.contracts.model import Architecture, Model
from featherline.tasks.contracts.references import DatasetRef
from featherline.tasks.contracts.step import Params
from featherline.tasks.contracts.teacher import Teacher


class DistillInputs(Contract):
    """The teacher and the student."""

    teacher: Model
    student: Model
    data: DatasetRef


class DistillParams(Params):
    """The parameters of `featherline.tasks.steps.distill`."""

    method: Literal["none", "logits", "self"] = Field(
        "none",
        description="logits: from a teacher; self: from the student to one of fresh weights (born-again networks).",
    )
    distillation: DistillationSettings = DistillationSettings()
    architecture: Architecture | None = Field(
        None, description="logits: a student built anew; else the pruned model is the student."
    )
    teacher: Teacher | None = Field(
        None, description="logits: a model file, or models:/NAME@ALIAS, as teacher instead of the baseline."
    )
    teacher_preprocessing: PreprocessingChoice = Field(
        "auto", description="What that teacher's inputs are made by, as model.preprocessing; auto finds it."
    )
    preprocessing: PreprocessingChoice = Field(
        "auto", description="logits: of a student built anew, as model.preprocessing; auto is data's own there."
    )
    generations: int = Field(1, ge=1, le=10, description="self: how often; each one is the teacher of the next.")
    fit: Fit = Fit()

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if self.method == "self" and (self.architecture is not None or self.teacher is not None):
            raise ValueError("neither architecture nor teacher with method self: the student is both")
        if self.method == "none" and (self.architecture is not None or self.teacher is not None):
            raise ValueError("method logits beside architecture or teacher: without it nothing is distilled")
        if self.method != "self" and self.generations > 1:
            raise ValueError(f"method self for {self.generations} generations, not {self.method}")
        return self

    def passthrough(self, inputs: Any) -> Contract | None:  # noqa: ANN401
        """Hand the student on where nothing is distilled."""
        return DistillOutputs(model=inputs.student) if self.method == "none" else None

    def external_state(self, inputs: Any) -> tuple[External, ...]:  # noqa: ANN401, ARG002
        """Return the user's own builder of a new student, and the user's own teacher."""
        builder = (BuilderModule("builder", self.architecture.builder),) if self.architecture else ()
        return (*builder, *files_at("teacher", self.teacher))


class DistillOutputs(Contract):
    """The student after distillation."""

    model: Model
