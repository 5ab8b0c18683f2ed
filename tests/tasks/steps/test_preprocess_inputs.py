"""Several inputs of one data set, each read by its own modality from its own source."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.external_state import FilesAt
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.steps.preprocess import PreprocessInputs, PreprocessParams
from featherline.tasks.data.dataset import read_split
from featherline.tasks.running.context import Context
from featherline.tasks.steps.preprocess import preprocess

COUNT = 60


@pytest.fixture
def cameras(tmp_path: Path) -> Path:
    """A folder with a table of pixels for each of two cameras, 2x2 and 3x3: row n is all n, and of the class n % 2."""
    for name, side in (("left", 2), ("right", 3)):
        folder = tmp_path / name
        folder.mkdir()
        columns = ",".join(["label", *(f"pixel{number}" for number in range(side * side))])
        rows = [",".join([str(row % 2), *[str(row)] * (side * side)]) for row in range(COUNT)]
        (folder / "pixels.csv").write_text("\n".join([columns, *rows]))
    return tmp_path


def params_of(folder: Path, **given: object) -> PreprocessParams:
    """Return the parameters for both cameras."""
    inputs = {
        name: {"source": str(folder / name), "image_size": size} for name, size in (("left", [2, 2]), ("right", [3, 3]))
    }
    return PreprocessParams.model_validate(
        {"name": "cameras", "source": str(folder), "inputs": inputs, "calibration_count": 4, **given}
    )


def test_each_input_has_its_own_source_and_shape(context: Context, cameras: Path) -> None:
    """Both pixels of an example are those of one row."""
    dataset = context.store.read(preprocess(PreprocessInputs(), params_of(cameras), context).data, Dataset)

    examples, targets = read_split(context.store, dataset, "train")

    assert {name: spec.shape for name, spec in dataset.inputs.items()} == {"left": (2, 2, 1), "right": (3, 3, 1)}
    assert np.array_equal(examples["left"][:, 0, 0, 0], examples["right"][:, 2, 2, 0])
    assert np.array_equal(examples["left"][:, 0, 0, 0] % 2, targets)


def test_other_rows_are_refused_with_their_places(context: Context, cameras: Path) -> None:
    """The right table has a row less: which row, and in which file."""
    table = cameras / "right" / "pixels.csv"
    table.write_text("\n".join(table.read_text().splitlines()[:-1]))

    with pytest.raises(Refused) as refused:
        preprocess(PreprocessInputs(), params_of(cameras), context)

    assert refused.value.problems[0].got == "left: more than 59 in all; right: only 59 in all"


def test_what_an_input_is_stands_in_the_input(cameras: Path) -> None:
    """Beside several inputs it would hold for nobody knows which."""
    with pytest.raises(ValidationError, match="image_size in each of data"):
        params_of(cameras, image_size=[4, 4])


def test_all_sources_are_looked_at_for_changes(cameras: Path) -> None:
    """That of each input; the data set's own only where an input has none."""
    params = params_of(cameras)

    watched = {place.name: place.place for place in params.external_state(None) if isinstance(place, FilesAt)}

    assert watched == {"source of left": str(cameras / "left"), "source of right": str(cameras / "right")}
    assert [one.name for one in PreprocessParams(source="digits").external_state(None) if isinstance(one, FilesAt)] == [
        "source"
    ]
