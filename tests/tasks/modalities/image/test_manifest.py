"""Manifests: the right images, the right labels, and a refusal where they cannot be told."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from featherline.tasks.data.dataset import read_split
from featherline.tasks.running.context import Context
from tests.tasks.modalities.image.tables import Fill, Read, refused, table, write

NAMES = [f"{row}.png" for row in range(10)]


CLASSES = ["cat", "dog"] * 10


def listed(prefix: str, count: int = 20, *, suffix: str = ".png") -> list[list[object]]:
    """Return rows of a manifest."""
    return [[f"{prefix}{row}{suffix}", CLASSES[row]] for row in range(count)]


@pytest.mark.parametrize(
    ("folders", "files", "given"),
    [
        ({"train_images": 20}, {"train__csv": table(["image_id", "label"], listed(""))}, {}),
        ({"images": 20}, {"labels__csv": table(["id", "breed"], listed("", suffix=""))}, {}),
        ({"images": 20}, {"labels__csv": table(["file", "y"], listed("images/"), between="\t")}, {}),
        ({"data/images": 20}, {"data___labels___all__csv": table(["path", "class"], listed("../images/"))}, {}),
        ({"images": 20}, {"all__csv": table(["path", "class"], listed("C:\\me\\images\\"))}, {}),
        ({"images": 20}, {"all__csv": table(["path", "class"], listed("/home/me/images/"), between=";")}, {}),
        ({"images": 20}, {"all__tsv": table(["what", "who"], [row[::-1] for row in listed("")], between="\t")}, {}),
        ({"images": 20}, {"a__csv": table(["n", "a", "b"], [[*row, 1] for row in listed("")])}, {"label_column": "a"}),
        ({"": 20}, {"labels__csv": table(["file_name", "label"], listed(""))}, {}),
        ({"images": 20}, {"labels__csv": table(None, listed(""))}, {}),
        ({"train": 20, "test": 3}, {"labels__csv": table(["id", "breed"], listed("train/", suffix=""))}, {}),
        (
            {"images": 20},
            {"labels__csv": table(["id", "breed"], listed(""))}
            | {"sample_submission__csv": table(["id", "cat", "dog"], [["0", 0.5, 0.5]])},
            {},
        ),
    ],
)
def test_a_manifest_finds_its_images(
    read: Read, fill: Fill, folders: dict[str, int], files: dict[str, str], given: dict[str, object]
):
    """Whether the names have a folder, an ending, or come from another machine."""
    dataset = read(write(fill(folders), **files), **given)

    assert dataset.intake.format == "manifest"
    assert dataset.vocabulary == ("cat", "dog")
    assert sum(dataset.splits[name].count for name in ("train", "validation", "test")) == 20


def test_manifests_of_splits_find_the_images_of_their_split(read: Read, fill: Fill):
    """The same name in train_images and test_images is two images."""
    source = fill({"train_images": 20, "test_images": 6})
    tables = {
        f"{name}__csv": table(["image", "label"], listed("", count)) for name, count in (("train", 20), ("test", 6))
    }

    dataset = read(write(source, **tables, sample_submission__csv=table(["image", "label"], listed("", 3))))

    assert dataset.splits["test"].strata == (3, 3)
    assert {item.what for item in dataset.intake.left_out} == {"a table for a submission"}


def test_a_manifest_may_tell_the_split_of_each_row(read: Read, fill: Fill):
    """By a column of its own."""
    rows = [[*row, "train" if number < 14 else "test"] for number, row in enumerate(listed(""))]

    dataset = read(write(fill({"images": 20}), all__csv=table(["image", "label", "split"], rows)))

    assert dataset.splits["test"].count == 6


def test_images_that_no_row_names_are_left_out_and_told(read: Read, fill: Fill):
    """Five of 25."""
    dataset = read(write(fill({"images": 25}), all__csv=table(["image", "label"], listed(""))))

    (told,) = dataset.intake.left_out
    assert (told.count, told.what) == (5, "an image that no row of the tables names")


def test_rows_whose_image_is_missing_are_held_against_the_fraction(read: Read, fill: Fill):
    """Two of 22 are refused by name, and let through where so many may be corrupt."""
    rows = [*listed(""), ["x.png", "cat"], ["../../secret.png", "dog"]]
    source = write(fill({"images": 20}), all__csv=table(["image", "label"], rows))

    _, got, _ = refused(read, source)

    assert got == "of 22 images 2: all.csv:20 (no file for 'x.png'), all.csv:21 (no file for '../../secret.png')"
    assert read(source, max_corrupt_fraction=0.1).corrupt.count == 2


@pytest.mark.parametrize(
    ("folders", "rows", "head", "words"),
    [
        ({"images": 20}, [*listed(""), ["0.png", "dog"]], ["image", "label"], "an image with two labels"),
        ({"a": 10, "b": 10}, listed("", 10), ["image", "label"], "cannot tell the image"),
        ({"images": 20}, [[*row, 1] for row in listed("")], ["image", "a", "b"], "cannot tell the column of labels"),
        ({"images": 20}, listed("none"), ["image", "label"], "finds no column of image names"),
    ],
)
def test_a_manifest_that_is_ambiguous_is_refused(
    read: Read, fill: Fill, *, folders: dict[str, int], rows: list[list[object]], head: list[str], words: str
):
    """The reason is said."""
    source = write(fill(folders), all__csv=table(head, rows))

    assert words in refused(read, source, format="manifest")[0]


def test_class_folders_beside_a_manifest_are_for_a_person_to_choose(read: Read, fill: Fill):
    """Both could be meant, so the refusal names both."""
    source = write(fill({"cat": 10, "dog": 10}), all__csv=table(["image", "label"], listed("cat/", 10)))

    assert refused(read, source)[2] == "set data.format to manifest or image_folder"
    assert read(source, format="image_folder").vocabulary == ("cat", "dog")


@pytest.mark.parametrize(
    ("test_table", "asked"),
    [
        (["file"], {}),
        (["file", "age"], {"label_column": "sex"}),
        (["file", "age"], {}),
        (["file", "age", "height"], {}),
    ],
)
def test_a_manifest_of_a_split_without_labels_is_left_out(
    read: Read, fill: Fill, test_table: list[str], asked: dict[str, object]
):
    """As the test set of a competition; another column of it, of few numbers, is no label."""
    source = fill({"images": 30})
    head = ["file", "sex"] if not asked else ["file", "sex", "age"]
    train: list[list[object]] = [[f"{row}.png", "mf"[row % 2], 7][: len(head)] for row in range(20)]
    rest: list[list[object]] = [[f"{row}.png", row % 2, row % 3][: len(test_table)] for row in range(20, 30)]
    write(source, train__csv=table(head, train), test__csv=table(test_table, rest))

    dataset = read(source, **asked)

    assert dataset.vocabulary == ("f", "m")
    assert sum(dataset.intake.read.values()) == 20
    assert "a table of the split test, which has no labels" in {told.what for told in dataset.intake.left_out}


def test_a_row_number_is_not_the_name_of_an_image(
    context: Context, read: Read, fill: Fill, picture: Callable[..., bytes]
):
    """The index that pandas writes names images as well, and others than the column of files does."""
    source = fill({"images": 20})
    rows: list[list[object]] = [[row, f"{19 - row}.png", row // 10] for row in range(20)]

    dataset = read(write(source, all__csv=table(["", "file", "label"], rows)))

    examples, labels = read_split(context.store, dataset, "train")

    images = examples["image"]
    decoded = {decode(picture(number)): int(number < 10) for number in range(20)}
    assert dataset.intake.columns["image"] == "file"
    assert all(decoded[image.tobytes()] == label for image, label in zip(images, labels, strict=True))


def test_names_in_another_case_find_their_images(read: Read, fill: Fill):
    """IMG_1.JPG of a table is img_1.jpg of a camera."""
    source = fill({"images": 20}, ".PNG")

    dataset = read(write(source, all__csv=table(["file", "label"], [[f"{row}.png", row % 2] for row in range(20)])))

    assert dataset.intake.read == {"all": 20}


def test_a_column_a_class_is_refused_by_what_it_is(read: Read, fill: Fill):
    """None of the columns is the label, and to set one of them would make two classes of three."""
    source = fill({"images": 30})
    rows: list[list[object]] = [[f"{row}.png", *(int(row % 3 == place) for place in range(3))] for row in range(30)]
    write(source, _classes__csv=table(["filename", " cat", " dog", " cow"], rows))

    what, got, fix = refused(read, source)

    assert "one column a class" in what
    assert got == "0 and 1 in the columns cat, dog, cow"
    assert "write one column" in fix


def decode(data: bytes) -> bytes:
    """Return the pixels of an image file."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image).tobytes()
