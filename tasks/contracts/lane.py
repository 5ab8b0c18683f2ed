"""The steps of a lane: `prune`, `distill`, `trim`, `quantize`, `export`, `evaluate`."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from tasks.contracts.base import Contract, Name, Prose, Words
from tasks.contracts.fit import MOST_EPOCHS, Fit, Knowledge
from tasks.contracts.model import Architecture, LiteRTModel, Model, Scheme
from tasks.contracts.post_training import Calibration, Ladder, Mixed
from tasks.contracts.preprocessing import PreprocessingChoice
from tasks.contracts.references import DatasetRef, MeasurementRef
from tasks.contracts.step import Params

LANE = ("prune", "distill", "trim", "quantize", "export", "evaluate")
"""In their order."""

Measure = Literal["macs", "parameters", "size", "latency"]
MEASURES: tuple[Measure, ...] = ("macs", "parameters", "size", "latency")
"""What the target of channel pruning may be a fraction of."""

MISSED = "kept"
"""How a stage says what a cut left that missed its target: `prune channel l2 0.6 (kept 38% of the MACs, 60% asked)`."""

ELSEWHERE = re.compile(r"(?!s3://|models:)(?:[a-z][a-z0-9+.-]*:/|(?:runs|mlflow|registry):)")
"""How an address begins that no step reads."""


def _can_teach(source: str) -> str:
    if ELSEWHERE.match(source) or source.endswith(".tflite"):
        raise ValueError(
            "a .keras or .h5 file or a SavedModel folder, here or at s3://, or the float baseline of a registered"
            " version, models:/NAME@ALIAS or models:/NAME/VERSION"
        )
    return source


Teacher = Annotated[str, AfterValidator(_can_teach)]
"""Where a teacher lies. In a recipe also a registered version, which `resolve` replaces by its float baseline."""


class PruneInputs(Contract):
    """The float baseline: what is pruned, and the teacher of the fine-tuning."""

    model: Model
    data: DatasetRef


class PruneParams(Params):
    """The knobs of `tasks.prune`."""

    method: Literal["none", "channel", "magnitude", "2:4"] = Field("none", description="What is removed.")
    macs: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="channel: fraction of the model's MACs to keep; 0.5 where no target is given, and where several "
        "are, each is met.",
    )
    parameters: float | None = Field(None, gt=0, lt=1, description="channel: fraction of the parameters to keep.")
    size: float | None = Field(
        None, gt=0, lt=1, description="channel: fraction of the int8 file's bytes to keep, estimated."
    )
    latency: float | None = Field(
        None, gt=0, lt=1, description="channel: fraction of the int8 latency to keep, measured; a target of its own."
    )
    probes: int = Field(6, ge=1, le=20, description="latency: int8 files that are made and measured, each round.")
    criterion: Literal["l1", "l2", "fpgm", "bn_gamma", "taylor", "random"] = Field(
        "l2", description="channel: how the channels of a group are ranked; random is the control."
    )
    ratios: Literal["global", "sensitivity"] = Field(
        "global",
        description="channel: how much each group loses, by one ranking or by what its cut alone does to the loss.",
    )
    floor: float = Field(0.25, gt=0, le=1, description="channel: fraction of every group's channels that stays.")
    rounds: int = Field(1, ge=1, le=20, description="channel: cuts on the way to the target, with learning between.")
    round_epochs: int = Field(1, ge=0, le=MOST_EPOCHS, description="channel: epochs after each cut but the last.")
    recalibration_images: int = Field(
        2048,
        ge=0,
        le=10_000_000,
        description="channel: images that batch normalisation is estimated anew on after a cut; 0: none.",
    )
    slimming_epochs: int = Field(
        0,
        ge=0,
        le=MOST_EPOCHS,
        description="bn_gamma: epochs of training with an L1 penalty on gammas before the first cut.",
    )
    slimming_strength: float = Field(1e-4, gt=0, le=1000, description="bn_gamma: factor of that penalty.")
    sparsity: float = Field(0.8, gt=0, lt=1, description="magnitude: fraction of weights set to zero.")
    fit: Fit = Field(Fit(), description="The fine-tuning.")
    knowledge: Knowledge | None = Field(None, description="Fine-tune with the float baseline as teacher.")
    teacher: Teacher | None = Field(
        None, description="A model file, or models:/NAME@ALIAS, that teaches instead of the float baseline."
    )
    teacher_preprocessing: PreprocessingChoice = Field(
        "auto", description="What that teacher's inputs are made by, as model.preprocessing; auto finds it."
    )

    @model_validator(mode="before")
    @classmethod
    def _half_of_the_macs(cls, given: Any) -> Any:  # noqa: ANN401
        if isinstance(given, dict) and all(given.get(measure) is None for measure in MEASURES):
            return {**given, "macs": 0.5}
        return given

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if self.method in ("magnitude", "2:4") and self.fit.epochs == 0:
            raise ValueError(f"at least 1 epoch of fit for {self.method}: weights become zero while the model learns")
        if "latency" in self.targets and len(self.targets) > 1:
            raise ValueError(f"latency as the only target, not {' and '.join(self.targets)}: the others are counted")
        if self.slimming_epochs and self.criterion != "bn_gamma":
            raise ValueError(f"criterion bn_gamma with slimming_epochs, not {self.criterion}: it alone reads gammas")
        if self.teacher is not None and self.knowledge is None:
            raise ValueError("knowledge beside teacher: it says how much the teacher counts")
        return self

    @property
    def targets(self) -> dict[Measure, float]:
        """Return what is counted, and the fraction of each to keep."""
        return {measure: kept for measure in MEASURES if (kept := getattr(self, measure)) is not None}

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

    method: Literal["none", "logits", "self"] = Field(
        "none", description="logits: the teacher teaches the student; self: the student teaches itself, born again."
    )
    knowledge: Knowledge = Knowledge()
    architecture: Architecture | None = Field(
        None, description="logits: a student built anew; else the pruned model is the student."
    )
    teacher: Teacher | None = Field(
        None, description="logits: a model file, or models:/NAME@ALIAS, that teaches instead of the baseline."
    )
    teacher_preprocessing: PreprocessingChoice = Field(
        "auto", description="What that teacher's inputs are made by, as model.preprocessing; auto finds it."
    )
    preprocessing: PreprocessingChoice = Field(
        "auto", description="logits: of a student built anew, as model.preprocessing; auto is data's own there."
    )
    generations: int = Field(1, ge=1, le=10, description="self: how often; each one teaches the next.")
    fit: Fit = Fit()

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if self.method == "self" and (self.architecture is not None or self.teacher is not None):
            raise ValueError("neither architecture nor teacher with method self: the student is both")
        if self.method == "none" and (self.architecture is not None or self.teacher is not None):
            raise ValueError("method logits beside architecture or teacher: without it nobody is taught")
        if self.method != "self" and self.generations > 1:
            raise ValueError(f"method self for {self.generations} generations, not {self.method}")
        return self

    def passthrough(self, inputs: Any) -> Contract | None:  # noqa: ANN401
        """Hand the student on where nothing is distilled."""
        return DistillOutputs(model=inputs.student) if self.method == "none" else None


class DistillOutputs(Contract):
    """The student after its lessons."""

    model: Model


class TrimInputs(Contract):
    """The student after its lessons, and the float baseline."""

    student: Model
    teacher: Model
    data: DatasetRef


class TrimParams(PruneParams):
    """The knobs of `tasks.trim`: those of `prune`."""

    def passthrough(self, inputs: Any) -> Contract | None:  # noqa: ANN401
        """Hand the student on where nothing is pruned."""
        return TrimOutputs(model=inputs.student) if self.method == "none" else None


class TrimOutputs(Contract):
    """The student, smaller or sparse."""

    model: Model


AWARE: tuple[Scheme, ...] = ("int8", "int4")
"""What a model can be trained for with the rounding in the loop."""


class QuantizeInputs(Contract):
    """The model to prepare for the converter, and the teacher for quantization-aware training."""

    model: Model
    teacher: Model
    data: DatasetRef


class QuantizeParams(Params):
    """The knobs of `tasks.quantize`."""

    scheme: Scheme = Field("int8", description="How the file holds its numbers.")
    aware: bool = Field(
        default=False,
        description="int8: train with the quantization in the loop (QAT); int4: with the rounding of the weights.",
    )
    clusters: int | None = Field(None, ge=2, le=256, description="Share the weights of a layer among this many values.")
    fit: Fit = Field(Fit(), description="Of the clustering and of the training that is aware of the rounding.")
    knowledge: Knowledge | None = Field(None, description="Train with the float baseline as teacher.")
    teacher: Teacher | None = Field(
        None, description="A model file, or models:/NAME@ALIAS, that teaches instead of the float baseline."
    )
    teacher_preprocessing: PreprocessingChoice = Field(
        "auto", description="What that teacher's inputs are made by, as model.preprocessing; auto finds it."
    )

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if self.aware and self.scheme not in AWARE:
            raise ValueError(f"scheme {' or '.join(AWARE)} where aware is true, not {self.scheme}")
        if self.aware and self.scheme == "int4" and self.clusters is not None:
            raise ValueError("no clusters where aware is true for int4: a channel has at most 15 distinct weights then")
        if self.fit.epochs == 0 and (self.aware or self.clusters is not None):
            work = "aware" if self.aware else "clusters"
            raise ValueError(f"at least 1 epoch of fit for {work}: ranges and shared values are learnt in training")
        if self.teacher is not None and self.knowledge is None:
            raise ValueError("knowledge beside teacher: it says how much the teacher counts")
        return self

    def passthrough(self, inputs: Any) -> Contract | None:  # noqa: ANN401
        """Hand the model on where the converter does all the work."""
        work = self.aware or self.clusters is not None
        return None if work else QuantizeOutputs(model=inputs.model, scheme=self.scheme)


class QuantizeOutputs(Contract):
    """The model and the scheme that the converter applies."""

    model: Model
    scheme: Scheme
    between: tuple[Model, ...] = ()
    """What the step made on the way: the model with shared weights, before it was trained for int8."""


class ExportInputs(Contract):
    """What is converted, and the data that calibrates it."""

    model: Model
    scheme: Scheme
    data: DatasetRef
    stages: tuple[Model, ...] = ()
    """What the lane began with, then what the steps before `quantize` gave, for the ledger of what each bought."""
    between: tuple[Model, ...] = ()
    """What `quantize` made on the way to `model`, for the same."""
    teacher: Model | None = None
    """Of the ladder's rung `aware`, where it has knowledge to pass on; the model itself where absent."""


class ExportParams(Params):
    """The knobs of `tasks.export`."""

    golden: int = Field(8, ge=1, le=256, description="Golden vectors to ship.")
    author: Words = ""
    licence: Words = ""
    description: Prose = ""
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
    resamples: int = Field(2000, ge=100, le=100_000, description="Of the bootstrap.")
    threads: int = Field(1, ge=1, le=256, description="Of the interpreter.")
    warm_up: int = Field(20, ge=1, le=100_000, description="Invocations that are not timed.")
    runs: int = Field(300, ge=20, le=1_000_000, description="Invocations that are timed.")


class EvaluateOutputs(Contract):
    """What was measured of which file."""

    measurement: MeasurementRef
    model: LiteRTModel
