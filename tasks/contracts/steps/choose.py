"""The contracts of the step `choose`."""

from __future__ import annotations

from pydantic import Field

from featherline.tasks.contracts.base import Contract, Name
from featherline.tasks.contracts.model import Architecture
from featherline.tasks.contracts.quality import QualityValue
from featherline.tasks.contracts.references import TrialsRef
from featherline.tasks.contracts.step import Params
from featherline.tasks.contracts.steps.search import SearchOutputs
from featherline.tasks.contracts.trials import SearchObjective


class ChosenArchitecture(Contract):
    """An architecture worth full training."""

    name: Name
    architecture: Architecture
    quality: QualityValue
    macs: int
    parameters: int
    size_bytes: int


class ChooseInputs(Contract):
    """The snapshots of all workers that were done."""

    workers: tuple[SearchOutputs, ...]


class ChooseParams(Params):
    """How many go on."""

    keep: int = Field(1, ge=0, description="Architectures that get a full training.")
    objective: SearchObjective = "macs"


class ChooseOutputs(Contract):
    """The architectures to train, the best of the Pareto front first, and all trials together."""

    architectures: tuple[ChosenArchitecture, ...]
    trials: TrialsRef | None
    front: tuple[int, ...] = ()
    """Numbers of the trials on the Pareto front."""
