"""The contracts of the step `dry_run`."""

from __future__ import annotations

from pydantic import Field

from featherline.tasks.contracts.auto import Auto
from featherline.tasks.contracts.base import Contract, Name
from featherline.tasks.contracts.candidate import CandidateTemplate, Infeasible
from featherline.tasks.contracts.model import Architecture
from featherline.tasks.contracts.references import DatasetRef
from featherline.tasks.contracts.step import Params
from featherline.tasks.contracts.steps.export import ExportParams
from featherline.tasks.contracts.steps.search import SearchSpace


class DryRunInputs(Contract):
    """The data, of which only the shapes count."""

    data: DatasetRef


class DryRunParams(Params):
    """What the run is going to train and to compress."""

    architecture: Architecture | None = Field(None, description="Of the float baseline.")
    file: str | None = Field(None, description="The model file that the baseline starts from.")
    space: SearchSpace | None = Field(None, description="Of the architecture search.")
    candidates: dict[Name, CandidateTemplate] = {}
    auto: Auto | None = Field(None, description="Candidates to propose beside them; their presets are tried.")
    export: ExportParams = ExportParams()


class DryRunOutputs(Contract):
    """Candidates that cannot be had from this network, each with the reason."""

    infeasible: tuple[Infeasible, ...] = ()
