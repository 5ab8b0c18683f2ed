"""Trying everything on a network with fresh weights before hours are spent: `dry_run`."""

from __future__ import annotations

from pydantic import Field

from tasks.contracts.auto import Auto
from tasks.contracts.base import Contract, Name
from tasks.contracts.lane import ExportParams
from tasks.contracts.model import Architecture
from tasks.contracts.plan import CandidateTemplate, Infeasible
from tasks.contracts.references import DatasetRef
from tasks.contracts.search import SearchSpace
from tasks.contracts.step import Params


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
