"""What is said of a network, in Keras and as a `.tflite` file."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from featherline.tasks.contracts.base import Contract, Fraction
from featherline.tasks.contracts.preprocessing import Preprocessing
from featherline.tasks.contracts.problems.classification import curves_of_format_1
from featherline.tasks.contracts.quality import QualityMetric, QualityValue, Slice
from featherline.tasks.contracts.references import GoldenRef, HistoryRef, LiteRTFileRef, ModelFileRef
from featherline.tasks.contracts.stored import Stored


class TrainingHistory(Stored):
    """The curves of one training, a number an epoch each. Loss and quality of the train and validation splits."""

    format: Literal[2] = 2
    """Format 1 knew one metric alone."""
    stage: str
    metric: QualityMetric = QualityMetric()
    loss: tuple[float, ...]
    quality: tuple[float, ...]
    validation_loss: tuple[float, ...]
    validation_quality: tuple[float, ...]
    learning_rate: tuple[float, ...]
    seconds: tuple[float, ...]

    @classmethod
    def of_older(cls, number: int, given: dict[str, Any]) -> dict[str, Any]:
        """Return curves of format 1."""
        return curves_of_format_1(given) if number == 1 else given


class TensorSpec(Contract):
    """One input or output: the shape of one example of it, and its kind of number."""

    shape: tuple[int, ...]
    dtype: str


class Ends(Contract):
    """What goes into a model and what comes out of it, by name."""

    inputs: dict[str, TensorSpec]
    outputs: dict[str, TensorSpec]


class Model(Contract):
    """A tf_keras network: float32 inputs, made by its own preprocessing, become outputs, (n, ...)."""

    file: ModelFileRef
    format: Literal["keras", "qat_h5"] = "keras"
    """`qat_h5`: a quantization-aware model, which the `.keras` format cannot hold (TFMOT 0.8.1)."""
    parameters: int = Field(gt=0)
    macs: int = Field(gt=0)
    """Multiply-accumulates of one inference; FLOPs are twice this."""
    validation_quality: QualityValue
    preprocessing: dict[str, Preprocessing] = {}
    """From what is stored to what it takes, by input. Empty where nobody says, which is the data set's own."""
    ends: Ends | None = None
    """Of the network, and so of its files: by what names they are fed and read. Models of older versions say none."""
    sparsity: Literal["none", "magnitude", "2:4"] = "none"
    """The pattern of zeros that later steps must keep."""
    zeros: int = Field(0, ge=0)
    """Weights that are zero, of the kernels that may hold them."""
    clusters: int | None = None
    """Distinct weights a layer, which later steps must keep."""
    stages: tuple[str, ...] = ()
    """What was done to the model so far, for people."""
    off_target: tuple[str, ...] = ()
    """Those of the stages whose cut came out far from what it was asked for."""
    histories: tuple[HistoryRef, ...] = ()


BuilderName = Annotated[
    str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*((\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*)?$")
]
"""A builder of `featherline.tasks.networks.zoo`, or the user's own `module:function`."""
Options = dict[str, int | float | str | bool | list[int] | list[str]]


class Architecture(Contract):
    """How to build a network: a builder of `networks.zoo` or the user's own `module:function`, and its options.

    The builder is called as `builder(input_shape, outputs, **options)` and returns a tf_keras Model that gives logits.
    """

    builder: BuilderName
    options: Options = {}


Scheme = Literal[
    "float32",
    "float16",
    "dynamic_wi8_afp32",
    "dynamic_wi4_afp32",
    "weight_only_wi8_afp32",
    "weight_only_wi4_afp32",
    "int8",
    "int16x8",
    "static_wi4_ai8",
    "static_wmixed_ai8",
]
"""How the exported file holds its numbers.

The names are litert-quantizer's: `w` says what weights are, `a` activations; `i8` is int8, `fp32` float32. `float32`
and `float16` are weights; `dynamic_…` rounds activations while it runs; with `weight_only_…` weights are float again
when a layer computes. Integers throughout, input and output too: `int8`, which is static_wi8_ai8; `int16x8`, which is
static_wi8_ai16; `static_wi4_ai8`. `static_wmixed_ai8`: each layer int4, int8 or float, as its measured sensitivity and
the budget allow.
"""

Width = Literal["int4", "int8", "float"]
"""How a layer holds its weights. A float layer also computes in float."""


class LayerWidth(Contract):
    """What was measured of one layer of a `static_wmixed_ai8` file, and how it ended."""

    layer: str
    operator: str
    weights: int
    sensitivity: dict[Width, float]
    """Mean Kullback-Leibler divergence of the outputs from the float file's, in nats, this layer alone rounded."""
    width: Width


class Rung(Contract):
    """One file that the fallback ladder tried. One that could not be made has no figures."""

    scheme: Scheme
    qat: bool = False
    """Whether it had quantization-aware training, on this rung."""
    size_bytes: int | None = None
    validation_quality: QualityValue | None = None
    agreement: Fraction | None = None
    """Fraction of the validation samples on which it agrees with the float file."""
    kept: bool
    why: str
    """Why it was kept or left, for people."""

    @property
    def name(self) -> str:
        """Return what it is called, for people."""
        return f"{self.scheme} (QAT)" if self.qat else self.scheme


class StageFile(Contract):
    """A model of the lane as it was between two steps, as a float file."""

    stage: str
    file: LiteRTFileRef


class LiteRTModel(Contract):
    """An exported file and what goes with it."""

    file: LiteRTFileRef
    scheme: Scheme
    """As it is, which the fallback ladder may have made another than was asked for."""
    ends: Ends
    """Of the file: by what names it is fed and read, and in what numbers."""
    golden: GoldenRef
    validation_quality: QualityValue
    """Of the exported file, on the validation split."""
    validation_slices: tuple[Slice, ...]
    """The same by slice."""
    source: Model
    layers: tuple[LayerWidth, ...] = ()
    """Of a `static_wmixed_ai8` file, in the order in which they run."""
    rungs: tuple[Rung, ...] = ()
    """What the fallback ladder tried, in order; the last one was kept. Empty without one."""
    stages: tuple[StageFile, ...] = ()
    """What the lane's steps made on the way, in order, each as a float file."""
