"""Candidates that the planner proposes by itself: the space, the limits, and one point of it."""

from __future__ import annotations

import math
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from featherline.tasks.contracts.base import Contract, Name
from featherline.tasks.contracts.device import Budget
from featherline.tasks.contracts.model import Scheme

MOST_POINTS = 5000
"""Of a space. Each point is checked at the door of a run."""

PREFIX = "auto-"
"""The names of proposed candidates begin so."""

SET_BY_THE_SEARCH: dict[str, tuple[str, ...]] = {
    "prune": ("method", "keep_macs", "keep_parameters", "keep_size", "keep_latency"),
    "distill": ("method", "architecture", "teacher", "generations"),
    "quantize": ("scheme", "qat", "clusters"),
    "export": (),
}
"""Parameters that a common section of `auto` must leave alone."""


Order = Literal["prune_first", "distill_first"]


class PipelinePoint(Contract):
    """One point of the space: what a proposed lane does, and how strongly. Two equal points are the same lane."""

    student: Name = "baseline"
    """`baseline`, or the name of a searched architecture."""
    keep_macs: float = 1.0
    """Fraction of the MACs that channel pruning keeps; 1 is not pruned."""
    prune_epochs: int = 0
    teacher: bool = False
    """Whether the float baseline is the teacher of the fine-tuning and of the training for int8 or clusters."""
    distill_epochs: int = 0
    """Of distillation on its own, before or after pruning; 0 is none."""
    scheme: Scheme = "int8"
    qat: bool = False
    clusters: int | None = None
    tune_epochs: int = 0
    """Of the training for int8 or clusters."""
    order: Order = "prune_first"
    """What comes first, where there is both."""


class Auto(Contract):
    """What the planner may propose, how much of it, and when it may stop. A list is the values of a parameter."""

    rounds: int = Field(
        3,
        ge=1,
        le=100,
        description="Groups of lanes; each learns from those before. No more than [featherline] rounds of Airflow's "
        "configuration, which is 3.",
    )
    lanes: int = Field(4, ge=1, le=64, description="Of a round, at most.")
    minutes: float | None = Field(
        None, gt=0, description="Time that all steps of all lanes may take together; no round begins beyond it."
    )
    goal: Budget | None = Field(
        None, description="Stop once a lane keeps the gate's quality, the device's budget and these; absent: never."
    )
    students: tuple[Literal["baseline", "searched"], ...] = Field(
        ("baseline",), min_length=1, description="searched: the architectures that the search kept, too."
    )
    keep_macs: tuple[float, ...] = Field(
        (1.0, 0.75, 0.5, 0.35, 0.25), min_length=1, description="Fractions to keep; 1: not pruned."
    )
    prune_epochs: tuple[int, ...] = Field((5,), min_length=1, description="Of the fine-tuning after pruning.")
    teacher: tuple[bool, ...] = Field(
        (False, True),
        min_length=1,
        description="Whether the float baseline is the teacher of the fine-tuning and of QAT and clustering.",
    )
    distill_epochs: tuple[int, ...] = Field((0,), min_length=1, description="Of distillation on its own; 0: none.")
    orders: tuple[Order, ...] = Field(
        ("prune_first",),
        min_length=1,
        description="Whether pruning comes before that distillation, or after it; a searched student is pruned after.",
    )
    schemes: tuple[Scheme, ...] = Field(("int8",), min_length=1, description="How the file holds its numbers.")
    qat: tuple[bool, ...] = Field(
        (False, True), min_length=1, description="int8: with quantization-aware training (QAT)."
    )
    clusters: tuple[int | None, ...] = Field(
        (None,), min_length=1, description="Weight clustering: distinct weights in each layer; null: none."
    )
    tune_epochs: tuple[int, ...] = Field((3,), min_length=1, description="Of QAT and of clusters.")
    prune: dict[str, Any] = Field(
        {}, description="What all lanes have in common: criterion, fit, distillation, …; also of trim."
    )
    distill: dict[str, Any] = Field({}, description="Likewise.")
    quantize: dict[str, Any] = Field({}, description="Likewise.")
    export: dict[str, Any] = Field(
        {}, description="Likewise: calibration, mixed, fallback_ladder; the last only in lanes that can have one."
    )

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if not all(0 < kept <= 1 for kept in self.keep_macs):
            raise ValueError("keep_macs: fractions above 0, and 1 for not pruned")
        if min(*self.prune_epochs, *self.distill_epochs, 0) < 0 or min(self.tune_epochs) < 1:
            raise ValueError("epochs of 0 or more, and tune_epochs of 1 or more: ranges are learnt in training")
        if "searched" in self.students and not any(self.distill_epochs):
            raise ValueError("distill_epochs above 0 with searched students: they begin with fresh weights")
        for step, taken in SET_BY_THE_SEARCH.items():
            section = getattr(self, step)
            both = sorted(set(section) & set(taken))
            if both:
                raise ValueError(f"no {step}.{both[0]} here: the search sets it")
            parts = (section.get("fit", {}), section.get("distillation") or {})
            if not all(isinstance(part, dict) for part in parts):
                raise ValueError(f"{step}: sections fit and distillation, where they are given")
        if self.size() > MOST_POINTS:
            raise ValueError(f"at most {MOST_POINTS} combinations, not {self.size()}: give parameters fewer values")
        return self

    def size(self) -> int:
        """Return the number of combinations, those that give the same lane counted apart."""
        lists = (self.students, self.keep_macs, self.prune_epochs, self.teacher, self.distill_epochs)
        return math.prod(map(len, (*lists, self.orders, self.schemes, self.qat, self.clusters, self.tune_epochs)))
