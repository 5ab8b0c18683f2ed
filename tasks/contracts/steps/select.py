"""The contracts of the step `select`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from featherline.tasks.contracts.base import Contract, Name
from featherline.tasks.contracts.device import Budget
from featherline.tasks.contracts.model import LiteRTModel
from featherline.tasks.contracts.quality import QualityDrop
from featherline.tasks.contracts.references import MeasurementRef, VerdictRef
from featherline.tasks.contracts.step import Params
from featherline.tasks.contracts.steps.evaluate import EvaluateOutputs

Objective = Literal["size", "latency", "macs", "quality", "energy"]


Approval = Literal["never", "borderline", "always"]
"""When a person decides whether a version becomes champion."""


class SelectInputs(Contract):
    """The verdict and the measurements."""

    verdict: VerdictRef
    baseline: EvaluateOutputs
    lanes: tuple[EvaluateOutputs, ...]


class SelectParams(Params):
    """The device and what to prefer among those that fit it."""

    budget: Budget = Budget()
    objective: Objective = Field("size", description="What the winner has least of (quality: the best).")
    borderline: QualityDrop = Field(
        0.005, description="A winner this close to a rule of quality is for a person to decide."
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
    """Whether the winner is close to a rule of quality, or there are doubts."""
    doubts: tuple[str, ...] = ()
    """What the test samples cannot prove of the winner, in a sentence each."""
