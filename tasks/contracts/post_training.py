"""The parameters of quantizing after training, which `featherline.tasks.steps.export` does."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from featherline.tasks.contracts.base import Contract, Fraction
from featherline.tasks.contracts.fit import DistillationSettings, Fit
from featherline.tasks.contracts.quality import QualityDrop

RungName = Literal["int8", "static_wmixed_ai8", "int16x8", "qat", "dynamic_wi8_afp32", "float16"]


class Calibration(Contract):
    """How the ranges of the activations and the steps of the weights are found."""

    method: Literal["minmax", "moving_average", "percentile", "mse"] = Field(
        "minmax",
        description="Ranges of activations: all that was seen, smoothed over examples, cut at both ends, or of "
        "least rounding error.",
    )
    percentile: float = Field(
        99.99, gt=50, le=100, description="percentile: share of the values that stay below the highest of the range."
    )
    examples: int | None = Field(
        None, ge=1, description="Of the calibration split, the strata in turn; all where absent."
    )
    weights: Literal["minmax", "octav", "mse"] = Field("minmax", description="How the steps of weights are found.")


class Mixed(Contract):
    """How the widths of a `static_wmixed_ai8` file are chosen."""

    max_drop: QualityDrop = Field(0.01, description="Validation quality that the file may lose against the float file.")
    widths: tuple[Literal["int4", "float"], ...] = Field(
        ("int4", "float"), min_length=1, description="What a layer may become beside int8."
    )
    examples: int = Field(
        500, ge=1, description="Of the validation split, to measure a layer's sensitivity with, at most."
    )


class QatTraining(Contract):
    """How the rung `qat` trains."""

    fit: Fit = Fit()
    distillation: DistillationSettings | None = Field(None, description="Train with the float baseline as teacher.")


class FallbackLadder(Contract):
    """What export tries in turn when a file loses too much, instead of giving it."""

    max_drop: QualityDrop = Field(0.01, description="Validation quality that a file may lose against the float file.")
    min_agreement: Fraction | None = Field(
        None, description="Share of validation examples on which it must agree with the float file."
    )
    rungs: tuple[RungName, ...] = Field(
        ("static_wmixed_ai8", "int16x8", "qat", "dynamic_wi8_afp32", "float16"),
        min_length=1,
        description="After the scheme itself, in this order; qat: int8 after quantization-aware training.",
    )
    qat: QatTraining = Field(QatTraining(), description="The training of the rung of that name.")

    @field_validator("rungs")
    @classmethod
    def _no_rung_twice(cls, rungs: tuple[RungName, ...]) -> tuple[RungName, ...]:
        if len(set(rungs)) < len(rungs):
            raise ValueError("each rung once: a file that lost too much does so again")
        return rungs

    @model_validator(mode="after")
    def _qat_learns(self) -> Self:
        if "qat" in self.rungs and self.qat.fit.epochs == 0:
            raise ValueError("at least 1 epoch of qat.fit for the rung qat: ranges are learnt in training")
        if "qat" not in self.rungs and self.qat != QatTraining():
            raise ValueError("the rung qat among rungs beside the section qat: without it nothing is trained")
        return self
