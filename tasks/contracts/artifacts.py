"""Artifacts: immutable, content-addressed, and what their manifests say.

A reference (`…Ref`) is small and travels through XCom; what it points to lies in the store under `artifacts/<sha256>`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tasks.contracts.base import Contract, Fraction, Name, Sha256


class ArtifactRef(Contract):
    """Where an artifact lies and what it must hash to. Every read checks the digest."""

    uri: str
    sha256: Sha256
    bytes: int = Field(ge=0)
    kind: str


class ArrayRef(ArtifactRef):
    """One NumPy array (`.npy`, no pickles)."""

    kind: Literal["array"] = "array"


class DatasetRef(ArtifactRef):
    """A `Dataset` manifest (JSON)."""

    kind: Literal["dataset"] = "dataset"


class SamplesRef(ArtifactRef):
    """A row for each image (parquet): split, label, sha256, mean, std, minimum, maximum."""

    kind: Literal["samples"] = "samples"


class ModelFileRef(ArtifactRef):
    """A tf_keras model file, with every entry's time fixed so that equal models give equal bytes."""

    kind: Literal["model"] = "model"


class HistoryRef(ArtifactRef):
    """A `TrainingHistory` (JSON)."""

    kind: Literal["history"] = "history"


class LiteRTFileRef(ArtifactRef):
    """A `.tflite` file, its metadata inside."""

    kind: Literal["tflite"] = "tflite"


class GoldenRef(ArtifactRef):
    """Golden vectors (`.npz`, no pickles): `inputs` and `outputs` exactly as the exported file takes and gives them."""

    kind: Literal["golden"] = "golden"


class TrialsRef(ArtifactRef):
    """A `Trials` table (JSON)."""

    kind: Literal["trials"] = "trials"


class MeasurementRef(ArtifactRef):
    """A `Measurement` (JSON)."""

    kind: Literal["measurement"] = "measurement"


class VerdictRef(ArtifactRef):
    """A `Verdict` (JSON)."""

    kind: Literal["verdict"] = "verdict"


class PageRef(ArtifactRef):
    """Something that a person reads: HTML or Markdown, self-contained."""

    kind: Literal["page"] = "page"


class ArchiveRef(ArtifactRef):
    """A zip of several files, such as Great Expectations' data docs."""

    kind: Literal["archive"] = "archive"


class RecipeRef(ArtifactRef):
    """A resolved `Recipe` (JSON)."""

    kind: Literal["recipe"] = "recipe"


SplitName = Literal["train", "validation", "calibration", "test"]
ImageShape = tuple[Annotated[int, Field(gt=0)], Annotated[int, Field(gt=0)], Annotated[int, Field(gt=0)]]
"""(height, width, channels)."""


class Normalisation(Contract):
    """How a stored pixel becomes a model input: `(pixel / scale - mean) / std`, mean and std one number a channel."""

    scale: float = Field(gt=0)
    mean: tuple[float, ...]
    std: tuple[Annotated[float, Field(gt=0)], ...]


class Shard(Contract):
    """A piece of a split: `images` (count, height, width, channels) uint8 and `labels` (count,) int64."""

    images: ArrayRef
    labels: ArrayRef
    count: int = Field(gt=0)


class Split(Contract):
    """The shards of one split, in order, with the images of each class counted."""

    shards: tuple[Shard, ...]
    count: int = Field(ge=0)
    class_counts: tuple[int, ...]
    pixel_mean: tuple[float, ...]
    """Mean of pixel / scale, one number a channel."""
    pixel_std: tuple[float, ...]


class CorruptImages(Contract):
    """Images that could not be decoded, left out of every split."""

    count: int = Field(0, ge=0)
    examples: tuple[str, ...] = ()


class Dataset(Contract):
    """Labelled images in shards. `calibration` is a stratified part of `train`; the other splits are disjoint."""

    name: Name
    image_shape: ImageShape
    classes: tuple[str, ...]
    normalisation: Normalisation
    splits: dict[SplitName, Split]
    samples: SamplesRef
    corrupt: CorruptImages = CorruptImages()


class TrainingHistory(Contract):
    """The curves of one training, a number an epoch each. Losses and accuracies of the train and validation splits."""

    stage: str
    loss: tuple[float, ...]
    accuracy: tuple[float, ...]
    validation_loss: tuple[float, ...]
    validation_accuracy: tuple[float, ...]
    learning_rate: tuple[float, ...]
    seconds: tuple[float, ...]


class Model(Contract):
    """A tf_keras classifier that takes normalised float32 images and gives logits, (n, classes)."""

    file: ModelFileRef
    format: Literal["keras", "qat_h5"] = "keras"
    """`qat_h5`: a quantization-aware model, which the `.keras` format cannot hold (TFMOT 0.8.1)."""
    parameters: int = Field(gt=0)
    macs: int = Field(gt=0)
    """Multiply-accumulates of one inference; FLOPs are twice this."""
    validation_accuracy: Fraction
    sparsity: Literal["none", "magnitude", "2:4"] = "none"
    """The pattern of zeros that later steps must keep."""
    clusters: int | None = None
    """Distinct weights a layer, which later steps must keep."""
    stages: tuple[str, ...] = ()
    """What was done to the model so far, for people."""
    histories: tuple[HistoryRef, ...] = ()


class Architecture(Contract):
    """How to build a network: a builder of `tasks.zoo` or the user's own `module:function`, and its options.

    The builder is called as `builder(input_shape, classes, **options)` and returns a tf_keras Model that gives logits.
    """

    builder: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.]*(:[A-Za-z_][A-Za-z0-9_]*)?$")
    options: dict[str, int | float | str | bool | list[int] | list[str]] = {}


Scheme = Literal["none", "float16", "dynamic", "int8", "int16x8", "int4", "mixed"]
"""How the exported file holds its numbers.

`none` float32; `float16` weights; `dynamic` int8 weights, activations rounded while it runs. Integers throughout, input
and output too: `int8`; `int16x8` int16 activations, int8 weights; `int4` int8 activations, int4 weights. `mixed` int8
activations, each layer int4, int8 or float, as its measured damage and the budget allow.
"""

Width = Literal["int4", "int8", "float"]
"""How a layer holds its weights. A float layer also computes in float."""


class LayerWidth(Contract):
    """What was measured of one layer of a `mixed` file, and how it ended."""

    layer: str
    operator: str
    weights: int
    damage: dict[Width, float]
    """Mean Kullback-Leibler divergence of the predictions from the float file's, in nats, this layer alone rounded."""
    width: Width


class Rung(Contract):
    """One file that the ladder tried."""

    scheme: Scheme
    size_bytes: int
    validation_accuracy: Fraction
    agreement: Fraction
    """Fraction of validation images on which it predicts the same class as the float file."""
    kept: bool
    why: str
    """Why it was kept or left, for people."""


class StageFile(Contract):
    """A model of the lane as it was between two steps, as a float file."""

    stage: str
    file: LiteRTFileRef


class LiteRTModel(Contract):
    """An exported file and what goes with it."""

    file: LiteRTFileRef
    scheme: Scheme
    """As it is, which the ladder may have made another than was asked."""
    golden: GoldenRef
    validation_accuracy: Fraction
    """Of the exported file, on the validation split."""
    source: Model
    layers: tuple[LayerWidth, ...] = ()
    """Of a `mixed` file, in the order in which they run."""
    rungs: tuple[Rung, ...] = ()
    """What the ladder tried, in order; the last one was kept. Empty without a ladder."""
    stages: tuple[StageFile, ...] = ()
    """What the lane's steps made on the way, in order, each as a float file."""


class Latency(Contract):
    """Time of `invoke()` alone, in milliseconds, measured interleaved with the baseline file where one is given."""

    p50: float = Field(gt=0)
    p90: float = Field(gt=0)
    p99: float = Field(gt=0)
    threads: int
    runs: int
    warm_up: int
    baseline_p50: float | None = None
    speedup: float | None = None
    """p50 of the baseline over p50 of this file, in the same interleaved runs."""
    speedup_low: float | None = None
    speedup_high: float | None = None


class StageEntry(Contract):
    """A file on the way from the float baseline to what ships: what each stage of the lane bought."""

    stage: str
    size_bytes: int
    gzip_bytes: int
    zstd_bytes: int
    entropy_bytes: int
    sparsity: Fraction
    distinct_weights: int
    parameters: int
    macs: int
    latency_ms_p50: float = Field(gt=0)
    """Of all the files in turn: to be compared with the other entries of the same ledger, and with nothing else."""


class Measurement(Contract):
    """What was measured of the exported file itself, on the test split and on this machine."""

    candidate: Name
    file: LiteRTFileRef
    scheme: Scheme
    samples: int = Field(gt=0)
    accuracy: Fraction
    accuracy_low: Fraction
    accuracy_high: Fraction
    confidence: Fraction
    class_recall: tuple[Fraction | None, ...]
    """In the order of the data set's classes; None where the test split has no image of the class."""
    confusion: tuple[tuple[int, ...], ...]
    """Rows are true classes, columns predicted ones."""
    agreement: Fraction | None
    """Fraction of test images on which this file and the float baseline predict the same class."""
    calibration_error: Fraction
    """Expected calibration error, 15 bins."""
    predictions: ArrayRef
    """(samples, classes) float32 logits, in the order of the test split."""
    test_sha256: Sha256
    """Of the test split (`tasks.dataset.split_digest`): two measurements are paired only where it is equal."""
    size_bytes: int
    gzip_bytes: int
    zstd_bytes: int
    entropy_bytes: int
    """Shannon bound of the weights' symbols, one code a tensor: no lossless code of single weights gets below it."""
    sparsity: Fraction
    """Zeros among the weights in the file."""
    distinct_weights: int
    """Most distinct values in one weight tensor."""
    parameters: int
    macs: int
    peak_ram_bytes: int
    peak_ram_method: Literal["tflite-micro", "liveness"]
    latency_ms: Latency
    energy_uj: float
    energy_method: str
    """How the energy was had: an estimate is never compared with a measurement."""
    operators: dict[str, int]
    float_operators: int
    """Operators that compute in float32 or float16."""
    minimum_runtime: str | None
    """The lowest TFLite runtime that has every operator version, as the converter wrote it."""
    runtime: str
    machine: str
    ledger: tuple[StageEntry, ...] = ()
    """From the float baseline by way of every stage to this file; empty for the baseline itself."""


class Finding(Contract):
    """One rule of a gate applied to one subject."""

    rule: str
    subject: str
    """What was judged: a candidate, a split, a column."""
    passed: bool
    severity: Literal["critical", "warning"] = "critical"
    expected: str
    got: str
    fix: str = ""
    margin: float | None = None
    """Room left under the rule, in its own unit, negative where it is broken; None where the rule is no bound."""


class Verdict(Contract):
    """What a gate decided, and why.

    The gates of data and model are open only when there is a finding and no critical one failed; the gate of the
    metrics only when at least one candidate passed all its critical findings (`passed_candidates`).
    """

    gate: Literal["data", "model", "metrics"]
    passed: bool
    findings: tuple[Finding, ...]
    page: PageRef
    """The verdict for people."""
    docs: ArchiveRef | None = None
    """Great Expectations' own data docs, zipped; they load styles from the internet."""

    def passed_candidates(self) -> frozenset[str]:
        """Return the subjects with at least one critical finding and no failed one; none where the gate is shut.

        The gate of the metrics is open as soon as one candidate passed, so whoever takes a candidate further asks here.
        """
        critical = [finding for finding in self.findings if finding.severity == "critical"]
        failed = {finding.subject for finding in critical if not finding.passed}
        return frozenset(finding.subject for finding in critical if self.passed) - failed


Score = Literal["parameters", "synflow", "naswot"]
SCORES: tuple[Score, ...] = ("parameters", "synflow", "naswot")
"""What an untrained network is judged by; each is a field of `Trial`, and more is better."""


class Trial(Contract):
    """One architecture that the search looked at."""

    number: int
    architecture: Architecture
    state: Literal["complete", "infeasible", "filtered", "failed"]
    """Infeasible: outside the budget; filtered: its cheap score was among the worse. Neither was trained."""
    accuracy: Fraction | None
    """On the validation split, at the highest fidelity it reached."""
    first_accuracy: Fraction | None = None
    """After the epochs that every trained trial gets."""
    epochs: int
    macs: int
    parameters: int
    size_bytes: int
    """Estimated int8 file."""
    peak_ram_bytes: int | None = None
    """Estimated arena of the int8 file."""
    latency_ms: float | None = None
    """Median of the int8 file on the machine that searched, one thread; where the budget bounds it."""
    inherited_from: int | None = None
    """The trial whose trained weights this one began with."""
    synflow: float | None = None
    naswot: float | None = None
    seconds: float
    reason: str = ""


class Agreement(Contract):
    """How well a cheap score orders the trained trials."""

    score: Score
    spearman: Annotated[float, Field(ge=-1, le=1)] | None
    """Rank correlation with `first_accuracy`; None for less than three trials, or where all are equal."""
    trials: int


class Hypervolumes(Contract):
    """What the fronts dominate, of the box from the reference point to accuracy 1 at no cost."""

    reference: int
    """MACs or bytes of the dearest trained trial, at accuracy 0."""
    search: Fraction
    control: Fraction | None = None
    """Of the random control."""


class Trials(Contract):
    """The trials of a study, by number, and what they show together."""

    study: str
    sampler: str
    objective: Literal["macs", "size"] = "macs"
    trials: tuple[Trial, ...]
    control: tuple[Trial, ...] = ()
    """As many by random search, where the recipe asks for it; none of them is chosen."""
    agreements: tuple[Agreement, ...] = ()
    hypervolumes: Hypervolumes | None = None


class Release(Contract):
    """A self-contained folder in the store, named by what it holds."""

    name: Name
    version: str
    """The first 12 hex digits of the model file's digest: the same model is the same release."""
    uri: str
    model_sha256: Sha256
    manifest_sha256: Sha256


class Champion(Contract):
    """The registry's champion of a model name, when the run began."""

    name: Name
    version: str
    model_sha256: Sha256
    release_uri: str
    measurement: MeasurementRef
