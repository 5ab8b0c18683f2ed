"""What a `.tflite` file says of itself: a JSON entry named `featherline`, and `labels.txt` as a zip at its end.

    flatbuffer [ … weights … | metadata: featherline {…} ] + zip [ labels.txt ]

Runtimes read the flatbuffer from its start and zip readers read the file from its end, so each sees only its own:
`unzip -p model.tflite labels.txt` works, and no inference changes.

    python -m featherline.tasks.litert.metadata model.tflite
"""

from __future__ import annotations

import io
import json
import sys
import zipfile
from pathlib import Path
from typing import Any, Literal

from pydantic import model_validator

from featherline.tasks.contracts.base import Contract, Sha256, canonical_json
from featherline.tasks.contracts.model import Scheme
from featherline.tasks.contracts.preprocessing import Preprocessing
from featherline.tasks.contracts.problems.classification import RENAMED_IN_FILES
from featherline.tasks.contracts.stored import Stored
from featherline.tasks.litert import flatbuffer

ENTRY = "featherline"
LABELS = "labels.txt"
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of the zip entry: the earliest that a zip can say, so that equal models give equal bytes."""

SIGNIFICANT_DIGITS = 9
"""As many as tell every float32 from its neighbours."""


class End(Contract):
    """What an input or an output holds, one example of it. A quantized value is `(q - zero_point) * scale`."""

    shape: tuple[int, ...] = ()
    dtype: str
    stored: str = ""
    """Of an input: the kind of number that its examples are in the data, before its preprocessing."""
    scale: float | None = None
    zero_point: int | None = None


class FileMetadata(Stored):
    """What an app or an auditor needs that has only the file."""

    format: Literal[3] = 3
    labels: tuple[str, ...]
    preprocessing: dict[str, Preprocessing]
    """From what is stored to each input, before its quantization."""
    inputs: dict[str, End]
    outputs: dict[str, End]
    scheme: Scheme
    validation_quality: float
    """Of this file, on the validation split."""
    source_validation_quality: float
    """Of the model that it was converted from, on the validation split."""
    recipe: str | None = None
    recipe_sha256: Sha256 | None = None
    """Of files of older versions: it is in the release's provenance now, so that equal models are equal files."""
    versions: dict[str, str]
    """Of what converted it."""
    author: str = ""
    licence: str = ""
    description: str = ""

    @model_validator(mode="before")
    @classmethod
    def _of_older_formats(cls, given: Any) -> Any:  # noqa: ANN401 - JSON
        """Take files of versions that knew one input and one output, and first no preprocessing but the data's own."""
        if not isinstance(given, dict) or "input" not in given:
            return given
        own = {"name": "data", **given["normalisation"]} if "normalisation" in given else given["preprocessing"]
        dropped = ("format", "normalisation", "preprocessing", "input", "output", "run_id")
        kept = {RENAMED_IN_FILES.get(key, key): value for key, value in given.items() if key not in dropped}
        ends = {"inputs": {"image": given["input"]}, "outputs": {"logits": given["output"]}}
        return kept | ends | {"preprocessing": {"image": own}}


def write(model: bytes, metadata: FileMetadata) -> bytes:
    """Return the file with its metadata and its labels. What it computes does not change; equal input, equal bytes."""
    objects = flatbuffer.unpack(model)
    values = {"format": metadata.format} | metadata.model_dump(mode="json", exclude_defaults=True)
    for name, how in metadata.preprocessing.items():
        values["preprocessing"][name] |= {"modality": how.modality, "channel_order": how.channel_order}
    flatbuffer.put_entry(objects, ENTRY, canonical_json(_short(values)))
    whole = io.BytesIO(flatbuffer.pack(objects))
    with zipfile.ZipFile(whole, "a") as archive:
        archive.writestr(zipfile.ZipInfo(LABELS, EPOCH), "".join(f"{label}\n" for label in metadata.labels))
    return whole.getvalue()


def read(model: bytes) -> FileMetadata | None:
    """Return what a file says of itself, or None where it was not written by `write`."""
    content = flatbuffer.get_entry(flatbuffer.unpack(model), ENTRY)
    return None if content is None else FileMetadata.from_json(content)


def _short(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, float):
        return float(f"{value:.{SIGNIFICANT_DIGITS}g}")
    if isinstance(value, dict):
        return {key: _short(item) for key, item in value.items()}
    return [_short(item) for item in value] if isinstance(value, list) else value


if __name__ == "__main__":
    found = read(Path(sys.argv[1]).read_bytes())
    print(json.dumps(found.model_dump(mode="json"), indent=2) if found else "no metadata of Featherline")
