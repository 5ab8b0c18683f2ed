"""A candidate: one lane of the pipeline, with the parameters of each of its steps, and why one gets no lane."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from featherline.tasks.contracts.auto import PipelinePoint
from featherline.tasks.contracts.base import Contract, Name
from featherline.tasks.contracts.model import Scheme
from featherline.tasks.contracts.schemes import SCHEMES
from featherline.tasks.contracts.step import Params
from featherline.tasks.contracts.steps.distill import DistillParams
from featherline.tasks.contracts.steps.evaluate import EvaluateParams
from featherline.tasks.contracts.steps.export import ExportParams
from featherline.tasks.contracts.steps.prune import PruneParams
from featherline.tasks.contracts.steps.quantize import QuantizeParams
from featherline.tasks.contracts.steps.trim import TrimParams


class Candidate(Contract):
    """One lane: the parameters of each of its steps."""

    name: Name
    searched: Name | None = None
    """The chosen architecture that the student is built from."""
    auto: PipelinePoint | None = None
    """The point of the space that it was proposed as; None of a candidate that the recipe names."""
    prune: PruneParams = PruneParams()
    distill: DistillParams = DistillParams()
    trim: TrimParams = TrimParams()
    quantize: QuantizeParams = QuantizeParams()
    export: ExportParams = ExportParams()
    evaluate: EvaluateParams = EvaluateParams()

    @model_validator(mode="after")
    def _nothing_is_pruned_in_vain(self) -> Candidate:
        if self.prune.method != "none" and self.distill.architecture is not None:
            raise ValueError(
                f"no prune.method {self.prune.method} where distill.architecture is given: the student is built anew"
                " from it, and the pruned model is not used; trim prunes a student after distillation"
            )
        return self

    @model_validator(mode="after")
    def _zeros_come_last(self) -> Candidate:
        if self.trim.method != "none" and self.prune.method in ("magnitude", "2:4"):
            raise ValueError(
                f"no trim where prune.method is {self.prune.method}: its fine-tuning would fill the zeros; make zeros"
                " in trim, after a prune.method channel"
            )
        return self

    @model_validator(mode="after")
    def _a_ladder_starts_from_float(self) -> Candidate:
        if self.export.fallback_ladder is None or climbs(self.quantize.scheme, qat=self.quantize.qat):
            return self
        if self.quantize.qat:
            raise ValueError(
                "no export.fallback_ladder where quantize.qat is true for int8: its rungs need the float model, which"
                " that training has replaced; make the one with QAT a candidate of its own, beside that with"
                " the fallback ladder"
            )
        raise ValueError(f"no export.fallback_ladder for the scheme {self.quantize.scheme}, which loses nothing")


def climbs(scheme: Scheme, *, qat: bool) -> bool:
    """Return whether a fallback ladder can stand behind a file: it may lose something, and its float model is there."""
    return not (qat and scheme == "int8") and not SCHEMES[scheme].lossless


LANE = tuple(
    name
    for name, field in Candidate.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Params)
)
"""The steps of a lane in their order: those whose parameters a candidate has."""


class Infeasible(Contract):
    """A candidate that cannot fit the device or cannot be had from the network, found without training it."""

    name: Name
    reason: str


class CandidateTemplate(Contract):
    """A candidate as a recipe writes it. Any value may be `{search: [...]}`, which makes one candidate a value."""

    student: Literal["baseline", "searched"] = Field(
        "baseline", description="searched: one candidate a chosen architecture."
    )
    prune: dict[str, Any] = {}
    distill: dict[str, Any] = {}
    trim: dict[str, Any] = Field({}, description="As prune, after distillation.")
    quantize: dict[str, Any] = {}
    export: dict[str, Any] = Field({}, description="calibration, mixed, fallback_ladder: of quantizing after training.")


WRITTEN = tuple(step for step in LANE if step in CandidateTemplate.model_fields)
"""The steps of a lane that a recipe may say something of."""
TAUGHT = tuple(step for step in WRITTEN if "teacher" in Candidate.model_fields[step].annotation.model_fields)  # type: ignore[union-attr]
"""The steps of a lane that may have a teacher of their own."""
