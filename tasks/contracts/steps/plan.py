"""The contracts of the step `plan`."""

from __future__ import annotations

from pydantic import Field

from featherline.tasks.contracts.auto import Auto
from featherline.tasks.contracts.base import Contract, Name
from featherline.tasks.contracts.candidate import Candidate, CandidateTemplate, Infeasible
from featherline.tasks.contracts.device import Budget
from featherline.tasks.contracts.model import Model
from featherline.tasks.contracts.step import Params
from featherline.tasks.contracts.steps.choose import ChosenArchitecture
from featherline.tasks.contracts.steps.evaluate import EvaluateParams
from featherline.tasks.contracts.steps.export import ExportParams


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
