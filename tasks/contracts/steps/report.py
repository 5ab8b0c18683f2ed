"""The contracts of the step `report`."""

from __future__ import annotations

from typing import Any

from featherline.tasks.contracts.base import Contract
from featherline.tasks.contracts.device import Budget
from featherline.tasks.contracts.external_state import External, RefusedSteps
from featherline.tasks.contracts.model import Model
from featherline.tasks.contracts.references import Champion, DatasetRef, PageRef, TrialsRef, VerdictRef
from featherline.tasks.contracts.step import Params
from featherline.tasks.contracts.steps.evaluate import EvaluateOutputs
from featherline.tasks.contracts.steps.plan import PlanOutputs
from featherline.tasks.contracts.steps.select import Approval, SelectOutputs
from featherline.tasks.contracts.steps.train import ValidationMetrics


class ReportInputs(Contract):
    """Everything that the report draws; what the run did not reach is absent."""

    data: DatasetRef | None = None
    model: Model | None = None
    metrics: ValidationMetrics | None = None
    """Of the model, on the validation split."""
    baseline: EvaluateOutputs | None = None
    lanes: tuple[EvaluateOutputs, ...] = ()
    verdict: VerdictRef | None = None
    plan: PlanOutputs
    selection: SelectOutputs | None = None
    trials: TrialsRef | None = None
    champion: Champion | None = None


class ReportParams(Params):
    """What the pages are called."""

    title: str
    author: str = ""
    licence: str = ""
    description: str = ""
    approve: Approval = "borderline"
    accept_unproven: bool = False
    budget: Budget = Budget()
    """Of the device: where no candidate won, it is told how far each was from it."""

    def external_state(self, inputs: Any) -> tuple[External, ...]:  # noqa: ANN401, ARG002
        """Return what was refused in the run so far, which the report tells."""
        return (RefusedSteps(),)


class ReportOutputs(Contract):
    """Two pages that are readable offline, and the few lines that a person needs who is asked to approve."""

    page: PageRef
    card: PageRef
    headline: str = ""
    """The run in one sentence."""
    brief: str = ""
    """Markdown: float baseline, champion and challenger in one table."""
