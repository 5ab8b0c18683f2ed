"""The contracts of the step `prune`."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from featherline.tasks.contracts.base import Contract
from featherline.tasks.contracts.external_state import External, files_at
from featherline.tasks.contracts.fit import MOST_EPOCHS, DistillationSettings, Fit
from featherline.tasks.contracts.modalities.parameters import PreprocessingChoice
from featherline.tasks.contracts.model import Model
from featherline.tasks.contracts.references import DatasetRef
from featherline.tasks.contracts.step import Params
from featherline.tasks.contracts.teacher import Teacher

Measure = Literal["macs", "parameters", "size", "latency"]


MEASURES: tuple[Measure, ...] = ("macs", "parameters", "size", "latency")
"""What the target of channel pruning may be a fraction of."""

Criterion = Literal["l1", "l2", "fpgm", "bn_gamma", "taylor", "random"]
"""Of how much a channel matters; what each looks at is in `compression/pruning/criteria.py`."""


class PruneInputs(Contract):
    """The float baseline: what is pruned, and the teacher of the fine-tuning."""

    model: Model
    data: DatasetRef


class PruneParams(Params):
    """The parameters of `featherline.tasks.steps.prune`."""

    method: Literal["none", "channel", "magnitude", "2:4"] = Field("none", description="What is removed.")
    keep_macs: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="channel: fraction of the model's MACs to keep; 0.5 where no target is given, and where several "
        "are, each is met.",
    )
    keep_parameters: float | None = Field(None, gt=0, lt=1, description="channel: fraction of the parameters to keep.")
    keep_size: float | None = Field(
        None, gt=0, lt=1, description="channel: fraction of the int8 file's bytes to keep, estimated."
    )
    keep_latency: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="channel: fraction of the int8 latency to keep, measured on one thread where the step "
        "runs; a target of its own.",
    )
    probes: int = Field(6, ge=1, le=20, description="latency: int8 files that are made and measured, each round.")
    criterion: Criterion = Field(
        "l2",
        description="channel: how the channels of a group are ranked: fpgm by their distance to the geometric "
        "median, taylor by what a gate on the channel does to the loss; random is the control.",
    )
    ratios: Literal["global", "sensitivity"] = Field(
        "global",
        description="channel: how much each group loses, by one ranking or by what its cut alone does to the loss.",
    )
    floor: float = Field(
        0.25, gt=0, le=1, description="channel: fraction of every group that stays, and at least 8 channels."
    )
    rounds: int = Field(1, ge=1, le=20, description="channel: cuts by equal factors on the way to the target.")
    round_epochs: int = Field(1, ge=0, le=MOST_EPOCHS, description="channel: epochs after each cut but the last.")
    recalibration_examples: int = Field(
        2048,
        ge=0,
        le=10_000_000,
        description="channel: examples that batch normalisation is estimated anew on after a cut; 0: none.",
    )
    slimming_epochs: int = Field(
        0,
        ge=0,
        le=MOST_EPOCHS,
        description="bn_gamma: epochs of training with an L1 penalty on gammas before the first cut; without "
        "them gammas say little.",
    )
    slimming_strength: float = Field(1e-4, gt=0, le=1000, description="bn_gamma: factor of that penalty.")
    sparsity: float = Field(0.8, gt=0, lt=1, description="magnitude: fraction of weights set to zero.")
    fit: Fit = Field(Fit(), description="The fine-tuning.")
    distillation: DistillationSettings | None = Field(None, description="Fine-tune with the float baseline as teacher.")
    teacher: Teacher | None = Field(
        None, description="A model file, or models:/NAME@ALIAS, as teacher instead of the float baseline."
    )
    teacher_preprocessing: PreprocessingChoice = Field(
        "auto", description="What that teacher's inputs are made by, as model.preprocessing; auto finds it."
    )

    @model_validator(mode="before")
    @classmethod
    def _half_of_the_macs(cls, given: Any) -> Any:  # noqa: ANN401
        if isinstance(given, dict) and all(given.get(f"keep_{measure}") is None for measure in MEASURES):
            return {**given, "keep_macs": 0.5}
        return given

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if self.method in ("magnitude", "2:4") and self.fit.epochs == 0:
            raise ValueError(f"at least 1 epoch of fit for {self.method}: weights become zero while the model learns")
        if "latency" in self.targets and len(self.targets) > 1:
            targets = " and ".join(f"keep_{name}" for name in self.targets)
            raise ValueError(f"keep_latency as the only target, not {targets}: the others are counted")
        if self.slimming_epochs and self.criterion != "bn_gamma":
            raise ValueError(f"criterion bn_gamma with slimming_epochs, not {self.criterion}: it alone reads gammas")
        if self.teacher is not None and self.distillation is None:
            raise ValueError("distillation beside teacher: it says how much the teacher counts")
        return self

    @property
    def targets(self) -> dict[Measure, float]:
        """Return what is counted, and the fraction of each to keep."""
        return {measure: kept for measure in MEASURES if (kept := getattr(self, f"keep_{measure}")) is not None}

    def passthrough(self, inputs: Any) -> Contract | None:  # noqa: ANN401
        """Hand the model on where nothing is pruned."""
        return PruneOutputs(model=inputs.model) if self.method == "none" else None

    def external_state(self, inputs: Any) -> tuple[External, ...]:  # noqa: ANN401, ARG002
        """Return the user's own teacher."""
        return files_at("teacher", self.teacher)


class PruneOutputs(Contract):
    """A smaller or a sparse model."""

    model: Model
