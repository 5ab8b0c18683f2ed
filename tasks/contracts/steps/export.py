"""The contracts of the step `export`."""

from __future__ import annotations

from pydantic import Field

from featherline.tasks.contracts.base import Contract, Prose, Words
from featherline.tasks.contracts.model import LiteRTModel, Model, Scheme
from featherline.tasks.contracts.post_training import Calibration, FallbackLadder, Mixed
from featherline.tasks.contracts.references import DatasetRef
from featherline.tasks.contracts.step import Params


class ExportInputs(Contract):
    """What is converted, and the data that calibrates it."""

    model: Model
    scheme: Scheme
    data: DatasetRef
    stages: tuple[Model, ...] = ()
    """What the lane began with, then what the steps before `quantize` gave, to tell the effect of each."""
    between: tuple[Model, ...] = ()
    """What `quantize` made on the way to `model`, for the same."""
    teacher: Model | None = None
    """Of the rung `qat` of the fallback ladder, where it has distillation to pass on; the model itself where absent."""


class ExportParams(Params):
    """The parameters of `featherline.tasks.steps.export`."""

    golden: int = Field(8, ge=1, le=256, description="Golden vectors to ship.")
    author: Words = Field("", description="In the file's metadata; from the recipe's section release.")
    licence: Words = Field("", description="Likewise.")
    description: Prose = Field("", description="Likewise.")
    calibration: Calibration = Field(
        Calibration(), description="int8, int16x8, static_wi4_ai8, static_wmixed_ai8: how ranges are found."
    )
    mixed: Mixed = Field(Mixed(), description="static_wmixed_ai8: how each layer's width is chosen.")
    fallback_ladder: FallbackLadder | None = Field(
        None, description="What to try when the file loses too much; absent: nothing."
    )


class ExportOutputs(Contract):
    """The exported file."""

    model: LiteRTModel
