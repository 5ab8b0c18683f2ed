"""A further round of lanes: `propose`."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from tasks.contracts.auto import Auto
from tasks.contracts.base import Contract
from tasks.contracts.device import Budget
from tasks.contracts.gate import GateRules, Objective
from tasks.contracts.lane import EvaluateOutputs, EvaluateParams, ExportParams
from tasks.contracts.model import Model
from tasks.contracts.plan import Candidate, Infeasible, PlanOutputs
from tasks.contracts.search import ChosenArchitecture
from tasks.contracts.step import Params


class ProposeInputs(Contract):
    """What was tried so far and what came of it. A candidate without a lane among `lanes` has failed."""

    round: int = Field(ge=2)
    model: Model
    architectures: tuple[ChosenArchitecture, ...] = ()
    plan: PlanOutputs
    """The candidates of all earlier rounds."""
    baseline: EvaluateOutputs
    lanes: tuple[EvaluateOutputs, ...] = ()


class ProposeParams(Params):
    """The space, the device and the gate."""

    auto: Auto | None = None
    budget: Budget = Budget()
    rules: GateRules = GateRules()
    objective: Objective = "size"
    export: ExportParams = ExportParams()
    evaluate: EvaluateParams = EvaluateParams()

    def passthrough(self, inputs: Any) -> Contract | None:  # noqa: ANN401
        """Answer for a recipe that has no such round."""
        if self.auto is not None and inputs.round <= self.auto.rounds:
            return None
        return ProposeOutputs(candidates=(), why="the recipe has no such round")


class ProposeOutputs(Contract):
    """The lanes of this round; none where nothing more is to be done."""

    candidates: tuple[Candidate, ...]
    infeasible: tuple[Infeasible, ...] = ()
    why: str
    """Why these, or why none."""
