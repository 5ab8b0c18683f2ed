"""What people really bring: each small source of the shared cases is read right, or refused with the reason."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.steps.preprocess import PreprocessInputs, PreprocessParams
from featherline.tasks.data.dataset import read_split
from featherline.tasks.running.context import Context
from featherline.tasks.steps.preprocess import preprocess

TEST_DATA = os.environ.get("FEATHERLINE_TEST_DATA")
CASES = (Path(TEST_DATA).parent if TEST_DATA else Path(__file__).parents[5] / "shared") / "cases" / "data"

pytestmark = [
    pytest.mark.shared_data,
    pytest.mark.skipif(not CASES.is_dir(), reason=f"no cases at {CASES}; set FEATHERLINE_TEST_DATA"),
]

FINE = ("fine_label-apple", "fine_label-bear", "fine_label-cup", "fine_label-dolphin")
BEANS = ("labels-apple", "labels-bear", "labels-cup", "labels-dolphin")


def run(context: Context, name: str, **given: Any) -> Dataset:
    """Preprocess a case."""
    asked = {"name": "case", "source": str(CASES / name), "calibration_count": 4, **given}
    outputs = preprocess(PreprocessInputs(), PreprocessParams.model_validate(asked), context)
    return context.store.read(outputs.data, Dataset)


def counts(dataset: Dataset) -> tuple[int, ...]:
    """Return the images of train, validation and test."""
    return tuple(dataset.splits[name].count for name in ("train", "validation", "test"))


@pytest.mark.parametrize(
    ("name", "given", "classes", "sizes"),
    [
        ("d02_extra_beside_splits", {}, ("cat", "dog"), (40, 12, 16)),
        ("d03_suffix", {}, ("bird", "cat", "dog"), (94, 10, 26)),
        ("d13_empty_class", {}, ("cat", "dog"), (36, 4, 16)),
        ("d06_cifar100", {"label_column": "fine_label"}, FINE, (72, 8, 24)),
        ("d06b_beans", {}, BEANS, (80, 16, 24)),
        ("d07c_label_last_no_header", {}, ("0", "1", "2"), (86, 10, 24)),
        ("d07c_label_last_no_header", {"label_column": -1}, ("0", "1", "2"), (86, 10, 24)),
        ("d07c_label_last_no_header", {"label_column": 64}, ("0", "1", "2"), (86, 10, 24)),
        ("d07d_float", {}, ("0", "1", "2"), (86, 10, 24)),
        ("d07g_kaggle_digits", {}, ("0", "1", "2"), (86, 10, 24)),
        ("d07i_fer", {}, ("0", "1", "2"), (90, 15, 15)),
        ("d07o_floatlabel", {}, ("0", "1", "2"), (86, 10, 24)),
        ("d08_manifest", {}, ("rust", "scab"), (43, 5, 12)),
        ("d08_manifest", {"format": "manifest"}, ("rust", "scab"), (43, 5, 12)),
        ("order", {}, tuple(str(number) for number in range(12)), (360, 96, 120)),
        ("shapes", {}, ("circle", "square", "cross", "rows", "columns"), (1500, 250, 400)),
    ],
)
def test_it_is_read_right(
    context: Context, name: str, given: dict[str, Any], classes: tuple[str, ...], sizes: tuple[int, ...]
):
    """The classes are those that a person would say, and no image is lost."""
    dataset = run(context, name, **given)

    assert dataset.vocabulary == classes
    assert counts(dataset) == sizes


@pytest.mark.parametrize(
    ("name", "left_out"),
    [
        ("d02_extra_beside_splits", [(20, "a file of pred, which lies beside the splits", "pred/0.png")]),
        ("d07g_kaggle_digits", [(1, "a file of the split test, which has no labels", "test.csv")]),
        ("d03_suffix", []),
    ],
)
def test_what_is_left_out_is_named(
    context: Context, capsys: pytest.CaptureFixture[str], name: str, left_out: list[tuple[int, str, str]]
):
    """In the data set and in the log, with how many and an example."""
    intake = run(context, name).intake

    assert [(told.count, told.what, told.examples[0]) for told in intake.left_out] == left_out
    said = capsys.readouterr().out
    assert all(what in said and example in said for _, what, example in left_out)


@pytest.mark.parametrize(
    ("name", "given", "what", "got", "fix"),
    [
        (
            "d06_cifar100",
            {},
            "cannot tell the column of labels",
            "fine_label, coarse_label",
            "data.label_column to fine",
        ),
        (
            "d07c_label_last_no_header",
            {"label_column": 0},
            "the labels for classes",
            "80 distinct",
            "data.label_column",
        ),
        ("deep_pixels/i12in16", {}, "the range of the pixels", "0 to 4095", "data.pixel_range"),
        ("deep_pixels/ycbcr", {}, "corrupt images", "of 12 images 12", "replace"),
        ("d02_extra_beside_splits", {"format": "manifest"}, "no file that it can read", "pred/0.png", "data.format"),
    ],
)
def test_what_cannot_be_told_is_refused_with_the_reason(
    context: Context, *, name: str, given: dict[str, Any], what: str, got: str, fix: str
):
    """The fix names the parameter that settles it."""
    with pytest.raises(Refused) as refusal:
        run(context, name, **given)

    problem = refusal.value.problems[0]
    assert what in problem.what
    assert got in problem.got
    assert fix in problem.fix


@pytest.mark.parametrize(
    ("name", "given", "changed"),
    [
        ("float01tif", {}, "floats scaled from 0 to 1 to 0 to 255"),
        ("float255tif", {}, "floats taken as 0 to 255"),
        ("i32tif", {}, "whole numbers taken as 0 to 255"),
        ("i16", {}, "16-bit greys scaled from 0 to 65,535 to 0 to 255"),
        ("i16tif", {}, "16-bit greys scaled from 0 to 65,535 to 0 to 255"),
        ("i12in16", {"pixel_range": [0, 4095]}, "16-bit greys scaled from 0 to 4095 to 0 to 255"),
    ],
)
def test_deep_pixels_become_the_same_greys(context: Context, name: str, given: dict[str, Any], changed: str):
    """Each holds one ramp of greys from black to white, whatever its numbers are."""
    dataset = run(context, f"deep_pixels/{name}", **given)

    examples, _ = read_split(context.store, dataset, "train")

    images = examples["image"]
    assert (images.min(), images.max()) == (0, 255)
    assert len(np.unique(images[0])) == 256
    assert dataset.inputs["image"].statistics.mean == (pytest.approx(0.5, abs=0.01),)
    assert [(told.what, told.count) for told in dataset.intake.changed] == [(changed, 12)]


@pytest.mark.parametrize("name", ["rgba", "palette_tr"])
def test_transparent_pixels_show_the_background(context: Context, name: str):
    """White unless the recipe says otherwise, and it is told."""
    on_white, on_black = (run(context, f"deep_pixels/{name}", **given) for given in ({}, {"background": [0, 0, 0]}))

    assert on_white.inputs["image"].statistics.mean > on_black.inputs["image"].statistics.mean
    assert "laid on the colour (255, 255, 255) (data.background)" in on_white.intake.changed[0].what


def test_an_image_is_as_tall_as_it_is_seen(context: Context):
    """All images of the set have an EXIF orientation, and are read."""
    assert run(context, "deep_pixels/exif6").corrupt.count == 0
