"""The steps of a lane: `prune`, `distill`, `quantize`, `export`, `evaluate`."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from tasks.contracts.artifacts import Architecture, DatasetRef, LiteRTModel, MeasurementRef, Model, Scheme
from tasks.contracts.base import Contract, Name
from tasks.contracts.fit import Fit, Knowledge
from tasks.contracts.post_training import Calibration, Ladder, Mixed
from tasks.contracts.step import Params


class PruneInputs(Contract):
    """The float baseline: what is pruned, and the teacher of the fine-tuning."""

    model: Model
    data: DatasetRef


class PruneParams(Params):
    """The knobs of `tasks.prune`."""

    method: Literal["none", "channel", "magnitude", "2:4"] = Field("none", description="What is removed.")
    macs: float = Field(0.5, gt=0, lt=1, description="channel: fraction of the model's MACs to keep.")
    criterion: Literal["l1", "l2", "bn_gamma"] = Field("l2", description="channel: how channels are ranked.")
    sparsity: float = Field(0.8, gt=0, lt=1, description="magnitude: fraction of weights set to zero.")
    fit: Fit = Field(Fit(), description="The fine-tuning.")
    knowledge: Knowledge | None = Field(None, description="Fine-tune with the float baseline as teacher.")

    @model_validator(mode="after")
    def _zeros_need_training(self) -> Self:
        if self.method in ("magnitude", "2:4") and self.fit.epochs == 0:
            raise ValueError(f"at least 1 epoch of fit for {self.method}: weights become zero while the model learns")
        return self

    def passthrough(self, inputs: Any) -> Contract | None:  # noqa: ANN401
        """Hand the model on where nothing is pruned."""
        return PruneOutputs(model=inputs.model) if self.method == "none" else None


class PruneOutputs(Contract):
    """A smaller or a sparse model."""

    model: Model


class DistillInputs(Contract):
    """Who teaches whom."""

    teacher: Model
    student: Model
    data: DatasetRef


class DistillParams(Params):
    """The knobs of `tasks.distill`."""

    method: Literal["none", "logits"] = Field("none", description="What the student learns from the teacher.")
    knowledge: Knowledge = Knowledge()
    architecture: Architecture | None = Field(
        None, description="A student built anew; else the pruned model is the student."
    )
    fit: Fit = Fit()

    def passthrough(self, inputs: Any) -> Contract | None:  # noqa: ANN401
        """Hand the student on where nothing is distilled."""
        return DistillOutputs(model=inputs.student) if self.method == "none" else None


class DistillOutputs(Contract):
    """The student after its lessons."""

    model: Model


class QuantizeInputs(Contract):
    """The model to prepare for the converter, and the teacher for quantization-aware training."""

    model: Model
    teacher: Model
    data: DatasetRef


class QuantizeParams(Params):
    """The knobs of `tasks.quantize`."""

    scheme: Scheme = Field("int8", description="How the file holds its numbers.")
    aware: bool = Field(default=False, description="int8: train with the quantization in the loop (QAT).")
    clusters: int | None = Field(None, ge=2, le=256, description="Share the weights of a layer among this many values.")
    fit: Fit = Field(Fit(), description="Of the clustering and of the quantization-aware training.")
    knowledge: Knowledge | None = Field(None, description="Train with the float baseline as teacher.")

    @model_validator(mode="after")
    def _aware_is_int8(self) -> Self:
        if self.aware and self.scheme != "int8":
            raise ValueError(f"scheme int8 where aware is true, not {self.scheme}: it is trained for int8 alone")
        if self.fit.epochs == 0 and (self.aware or self.clusters is not None):
            work = "aware" if self.aware else "clusters"
            raise ValueError(f"at least 1 epoch of fit for {work}: ranges and shared values are learnt in training")
        return self

    def passthrough(self, inputs: Any) -> Contract | None:  # noqa: ANN401
        """Hand the model on where the converter does all the work."""
        work = self.aware or self.clusters is not None
        return None if work else QuantizeOutputs(model=inputs.model, scheme=self.scheme)


class QuantizeOutputs(Contract):
    """The model and the scheme that the converter applies."""

    model: Model
    scheme: Scheme


class ExportInputs(Contract):
    """What is converted, and the data that calibrates it."""

    model: Model
    scheme: Scheme
    data: DatasetRef
    stages: tuple[Model, ...] = ()
    """What the lane began with, then what each earlier step gave, for the ledger of what each of them bought."""


class ExportParams(Params):
    """The knobs of `tasks.export`."""

    golden: int = Field(8, ge=1, le=256, description="Golden vectors to ship.")
    author: str = ""
    licence: str = ""
    description: str = ""
    calibration: Calibration = Field(Calibration(), description="int8, int16x8, int4, mixed: how ranges are found.")
    mixed: Mixed = Field(Mixed(), description="mixed: how each layer's width is chosen.")
    ladder: Ladder | None = Field(None, description="What to try when the file loses too much; absent: nothing.")


class ExportOutputs(Contract):
    """The exported file."""

    model: LiteRTModel


class EvaluateInputs(Contract):
    """The exported file, and the exported float baseline to compare with (absent when it is the baseline itself)."""

    model: LiteRTModel
    data: DatasetRef
    baseline: LiteRTModel | None = None
    baseline_measurement: MeasurementRef | None = None


class EvaluateParams(Params):
    """The knobs of `tasks.evaluate`."""

    candidate: Name = Field("baseline", description="Whose file this is.")
    confidence: float = Field(0.95, gt=0.5, lt=1, description="Of the interval of the accuracy.")
    resamples: int = Field(2000, ge=100, description="Of the bootstrap.")
    threads: int = Field(1, ge=1, description="Of the interpreter.")
    warm_up: int = Field(20, ge=1, description="Invocations that are not timed.")
    runs: int = Field(300, ge=20, description="Invocations that are timed.")


class EvaluateOutputs(Contract):
    """What was measured of which file."""

    measurement: MeasurementRef
    model: LiteRTModel
