"""The contracts of the step `evaluate`."""

from __future__ import annotations

from pydantic import Field

from featherline.tasks.contracts.base import Contract, Name
from featherline.tasks.contracts.model import LiteRTModel
from featherline.tasks.contracts.references import DatasetRef, MeasurementRef
from featherline.tasks.contracts.step import Params


class EvaluateInputs(Contract):
    """The exported file, and the exported float baseline to compare with (absent when it is the baseline itself)."""

    model: LiteRTModel
    data: DatasetRef
    baseline: LiteRTModel | None = None
    baseline_measurement: MeasurementRef | None = None


class EvaluateParams(Params):
    """The parameters of `featherline.tasks.steps.evaluate`."""

    candidate: Name = Field("baseline", description="Whose file this is.")
    confidence: float = Field(0.95, gt=0.5, lt=1, description="Of the interval of the quality.")
    resamples: int = Field(2000, ge=100, le=100_000, description="Of the bootstrap.")
    threads: int = Field(1, ge=1, le=256, description="Of the interpreter.")
    warm_up: int = Field(20, ge=1, le=100_000, description="Invocations that are not timed.")
    runs: int = Field(300, ge=20, le=1_000_000, description="Invocations that are timed.")


class EvaluateOutputs(Contract):
    """What was measured of which file."""

    measurement: MeasurementRef
    model: LiteRTModel
