"""References: small records that travel through XCom and say where an artifact lies and what it must hash to.

Artifacts are immutable. What a reference points to lies in the store under `artifacts/<sha256>`; a release is a folder
of its own.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from featherline.tasks.contracts.base import Contract, Name, Sha256


class ArtifactRef(Contract):
    """Where an artifact lies and what it must hash to. Every read checks the digest."""

    uri: str
    sha256: Sha256
    bytes: int = Field(ge=0)
    kind: str


class ArrayRef(ArtifactRef):
    """One NumPy array (`.npy`, no pickles)."""

    kind: Literal["array"] = "array"


class EncodedRef(ArtifactRef):
    """Examples as encoded files, one behind the other (`data/encoded_shard.py`)."""

    kind: Literal["encoded"] = "encoded"


class DatasetRef(ArtifactRef):
    """A `Dataset` manifest (JSON)."""

    kind: Literal["dataset"] = "dataset"


class SamplesRef(ArtifactRef):
    """A row for each example (parquet): split, label, sha256, mean, std, minimum, maximum."""

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


class DetailsRef(ArtifactRef):
    """What a problem says of a file beyond quality and slices (JSON); `contracts.problems` has the form."""

    kind: Literal["details"] = "details"


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
