"""The contracts of the step `propose`."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from featherline.tasks.contracts.auto import Auto
from featherline.tasks.contracts.base import Contract
from featherline.tasks.contracts.candidate import Candidate, Infeasible
from featherline.tasks.contracts.device import Budget
from featherline.tasks.contracts.external_state import External, LaneSeconds
from featherline.tasks.contracts.model import Model
from featherline.tasks.contracts.step import Params
from featherline.tasks.contracts.steps.choose import ChosenArchitecture
from featherline.tasks.contracts.steps.evaluate import EvaluateOutputs, EvaluateParams
from featherline.tasks.contracts.steps.export import ExportParams
from featherline.tasks.contracts.steps.plan import PlanOutputs
from featherline.tasks.contracts.steps.select import Objective
from featherline.tasks.contracts.steps.validate_metrics import GateRules


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

    def external_state(self, inputs: Any) -> tuple[External, ...]:  # noqa: ANN401
        """Return how long the lanes have worked, where a limit is set to it."""
        limited = self.auto is not None and self.auto.minutes is not None
        return (LaneSeconds(frozenset(one.name for one in inputs.plan.candidates)),) if limited else ()


class ProposeOutputs(Contract):
    """The lanes of this round; none where nothing more is to be done."""

    candidates: tuple[Candidate, ...]
    infeasible: tuple[Infeasible, ...] = ()
    why: str
    """Why these, or why none."""
