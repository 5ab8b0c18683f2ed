"""What a file says of itself."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest

from featherline.tasks.contracts.preprocessing import Preprocessing
from featherline.tasks.litert import flatbuffer, metadata
from featherline.tasks.litert.interpreter import FileRunner

SAID = metadata.FileMetadata(
    labels=("cat", "café", "dog"),
    preprocessing={"image": Preprocessing(name="own", scale=255.0, mean=(0.5,), std=(0.25,))},
    inputs={"image": metadata.End(dtype="int8", scale=0.0162213463, zero_point=-5)},
    outputs={"logits": metadata.End(dtype="float32")},
    scheme="int8",
    validation_quality=0.875,
    source_validation_quality=0.9,
    versions={"tensorflow": "2.21.0"},
)


def test_what_is_written_is_read(dense_file: bytes) -> None:
    """Metadata come back from the file as they went in."""
    assert metadata.read(metadata.write(dense_file, SAID)) == SAID


def test_the_channel_order_is_always_said(dense_file: bytes) -> None:
    """Who feeds the file need not know a default."""
    entry = flatbuffer.get_entry(flatbuffer.unpack(metadata.write(dense_file, SAID)), metadata.ENTRY)

    assert entry is not None
    assert json.loads(entry)["preprocessing"]["image"] == {
        "modality": "image",
        "name": "own",
        "scale": 255.0,
        "mean": [0.5],
        "std": [0.25],
        "channel_order": "rgb",
    }


@pytest.mark.parametrize("format_", [1, 2])
def test_a_file_of_an_older_version_is_read(format_: int) -> None:
    """They knew one input and one output, format 1 the data set's own preprocessing alone, as `normalisation`."""
    said = SAID.model_dump(mode="json", exclude={"preprocessing", "inputs", "outputs"}) | {"format": format_}
    said |= {"input": SAID.inputs["image"].model_dump(), "output": SAID.outputs["logits"].model_dump()}
    numbers = {"scale": 255.0, "mean": [0.5], "std": [0.25]}
    said |= {"normalisation": numbers} if format_ == 1 else {"preprocessing": {"name": "data", **numbers}}

    read = metadata.FileMetadata.model_validate_json(json.dumps(said))

    assert read == SAID.model_copy(
        update={"preprocessing": {"image": Preprocessing(name="data", scale=255.0, mean=(0.5,), std=(0.25,))}}
    )


def test_a_file_of_others_says_nothing(dense_file: bytes) -> None:
    """A file without our entry gives None."""
    assert metadata.read(dense_file) is None


def test_zip_readers_find_the_labels(dense_file: bytes) -> None:
    """The file opens as a zip that holds `labels.txt`, a label a line, in order."""
    with zipfile.ZipFile(io.BytesIO(metadata.write(dense_file, SAID))) as archive:
        assert archive.namelist() == ["labels.txt"]
        assert archive.read("labels.txt").decode() == "cat\ncafé\ndog\n"


def test_the_runtime_computes_the_same(dense_file: bytes) -> None:
    """Metadata and labels change no output."""
    images = np.array([1, 2, 3, 4], np.float32).reshape(1, 2, 2, 1)

    logits = FileRunner(metadata.write(dense_file, SAID)).predict(images)

    assert logits.tolist() == [[1.0, 4.0, 10.5]]


def test_equal_metadata_give_equal_bytes(dense_file: bytes) -> None:
    """Nothing of the time of writing gets into the file."""
    assert metadata.write(dense_file, SAID) == metadata.write(dense_file, SAID)


def test_metadata_are_small(dense_file: bytes) -> None:
    """All of it, with the zip of the labels, takes less than 700 bytes."""
    assert len(metadata.write(dense_file, SAID)) - len(dense_file) < 700


def test_float32_values_survive_their_short_form() -> None:
    """Nine digits tell every float32 from its neighbours."""
    values = np.random.default_rng(0).random(1000, np.float32)

    assert [np.float32(metadata._short(float(value))) for value in values] == values.tolist()
