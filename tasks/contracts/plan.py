"""Which candidates get a lane: `plan`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from tasks.contracts.auto import Auto, Knobs
from tasks.contracts.base import Contract, Name
from tasks.contracts.device import Budget
from tasks.contracts.lane import DistillParams, EvaluateParams, ExportParams, PruneParams, QuantizeParams, TrimParams
from tasks.contracts.model import Model, Scheme
from tasks.contracts.search import ChosenArchitecture
from tasks.contracts.step import Params


class Candidate(Contract):
    """One lane: the knobs of each of its steps."""

    name: Name
    searched: Name | None = None
    """The chosen architecture that the student is built from."""
    auto: Knobs | None = None
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
                " from it, and the pruned model is not used; trim prunes a student after its lessons"
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
        if self.export.ladder is None or climbs(self.quantize.scheme, aware=self.quantize.aware):
            return self
        if self.quantize.aware:
            raise ValueError(
                "no export.ladder where quantize.aware is true for int8: its rungs need the float model, which that"
                " training has replaced; make the aware one a candidate of its own, beside the one with the ladder"
            )
        raise ValueError(f"no export.ladder for the scheme {self.quantize.scheme}, which loses nothing")


def climbs(scheme: Scheme, *, aware: bool) -> bool:
    """Return whether a ladder can stand behind a file: it may lose something, and its float model is there."""
    return not (aware and scheme == "int8") and scheme not in ("none", "float16")


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
    trim: dict[str, Any] = Field({}, description="As prune, after the lessons of distill.")
    quantize: dict[str, Any] = {}
    export: dict[str, Any] = Field({}, description="calibration, mixed, ladder: of quantizing after training.")


class PlanInputs(Contract):
    """What is there to compress."""

    model: Model
    architectures: tuple[ChosenArchitecture, ...] = ()
    infeasible: tuple[Infeasible, ...] = ()
    """What the dry run found; of candidates that differ in their searched student alone, under their common name."""


class PlanParams(Params):
    """The recipe's candidates and the device."""

    candidates: dict[Name, CandidateTemplate]
    auto: Auto | None = Field(None, description="Candidates to propose beside them.")
    budget: Budget = Budget()
    export: ExportParams = ExportParams()
    evaluate: EvaluateParams = EvaluateParams()


class PlanOutputs(Contract):
    """The lanes, and what was refused before any training."""

    candidates: tuple[Candidate, ...]
    infeasible: tuple[Infeasible, ...] = ()
