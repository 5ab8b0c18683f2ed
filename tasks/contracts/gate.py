"""Judging, choosing and telling: `validate_metrics`, `select` and `report`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tasks.contracts.base import Contract, Fraction, Name
from tasks.contracts.baseline import ClassMetrics
from tasks.contracts.device import Budget
from tasks.contracts.lane import EvaluateOutputs
from tasks.contracts.model import LiteRTModel, Model
from tasks.contracts.plan import PlanOutputs
from tasks.contracts.references import Champion, DatasetRef, MeasurementRef, PageRef, TrialsRef, VerdictRef
from tasks.contracts.step import Params

Objective = Literal["size", "latency", "macs", "accuracy", "energy"]


Approval = Literal["never", "borderline", "always"]
"""When a person decides whether a version becomes champion."""


class GateRules(Contract):
    """What a candidate must show to be released."""

    min_accuracy: Fraction | None = Field(
        None,
        description="On the test split. Absent: more than the share of the largest class, and a person is asked.",
    )
    max_drop: Fraction = Field(0.02, description="Accuracy lost against the float baseline.")
    max_champion_drop: Fraction = Field(0.01, description="Accuracy lost against the registry's champion.")
    max_class_drop: Fraction = Field(0.1, description="Recall lost by any class against the float baseline.")
    min_agreement: Fraction = Field(0.0, description="With the float baseline, image by image.")


class ValidateMetricsInputs(Contract):
    """All that was measured, and the data with the labels of its test split."""

    data: DatasetRef
    baseline: EvaluateOutputs
    lanes: tuple[EvaluateOutputs, ...]
    champion: Champion | None = None


class ValidateMetricsParams(Params):
    """The rules of the release gate."""

    rules: GateRules = GateRules()


class ValidateMetricsOutputs(Contract):
    """The verdict on every candidate."""

    verdict: VerdictRef


class SelectInputs(Contract):
    """The verdict and the measurements."""

    verdict: VerdictRef
    baseline: EvaluateOutputs
    lanes: tuple[EvaluateOutputs, ...]


class SelectParams(Params):
    """The device and what to prefer among those that fit it."""

    budget: Budget = Budget()
    objective: Objective = Field("size", description="What the winner has least of (accuracy: most of).")
    borderline: Fraction = Field(
        0.005, description="A winner this close to a rule of accuracy is for a person to decide."
    )


class Ranked(Contract):
    """One candidate's fate."""

    name: Name
    verdict: Literal["pass", "fail"]
    on_front: bool
    reason: str
    """Why it won or lost, in a sentence."""


class SelectOutputs(Contract):
    """The winner, and why each other one lost."""

    winner: Name
    model: LiteRTModel
    measurement: MeasurementRef
    ranking: tuple[Ranked, ...]
    borderline: bool
    """Whether the winner is close to a rule of accuracy, or there are doubts."""
    doubts: tuple[str, ...] = ()
    """What the test images cannot prove of the winner, in a sentence each."""


class ReportInputs(Contract):
    """Everything that the report draws; what the run did not come to is absent."""

    data: DatasetRef | None = None
    model: Model | None = None
    metrics: ClassMetrics | None = None
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


class ReportOutputs(Contract):
    """Two pages that are readable offline, and the few lines that a person needs who is asked to approve."""

    page: PageRef
    card: PageRef
    headline: str = ""
    """The run in one sentence."""
    brief: str = ""
    """Markdown: float baseline, champion and challenger in one table."""
