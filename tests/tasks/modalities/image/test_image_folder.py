"""Folders are splits, classes or neither, and nothing in them vanishes without a word."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.data.sources.split_names import split_of_folder, splits_of_folders
from featherline.tasks.modalities.image.decode import SUFFIXES

Fill = Callable[..., Path]
Read = Callable[..., Dataset]


def refused(read: Read, source: Path | str, **given: object) -> tuple[str, str, str]:
    """Return what, got and fix of the first problem."""
    with pytest.raises(Refused) as refusal:
        read(source, **given)
    problem = refusal.value.problems[0]
    return problem.what, problem.got, problem.fix


def left_out(dataset: Dataset) -> dict[str, int]:
    """Return how many were left out, by reason."""
    return {told.what: told.count for told in dataset.intake.left_out}


@pytest.mark.parametrize(
    ("name", "split"),
    [
        *((name, "train") for name in ("train", "Training", "training_set", "seg_train", "train_images", "TrainSet")),
        *((name, "test") for name in ("test", "TESTING", "test_set", "seg_test", "images-test", "TestImages")),
        *((name, "validation") for name in ("val", "valid", "Validation", "val2017", "dev_data", "validation images")),
        *((name, None) for name in ("pred", "cat", "trains", "testimony", "steam_train", "train_station", "valley")),
    ],
)
def test_splits_are_known_however_they_are_spelled(name: str, split: str | None):
    """With words such as set or images before or behind, in any case; a class whose name only begins so is none."""
    assert split_of_folder(name) == split


def test_folders_that_are_alike_but_for_the_split_are_splits():
    """flowers_train and flowers_test; steam_train beside car is a class."""
    assert splits_of_folders(["flowers_train", "flowers_test", "x"]) == {
        "flowers_test": "test",
        "flowers_train": "train",
    }
    assert splits_of_folders(["steam_train", "car"]) == {}


@pytest.mark.parametrize(
    "folders",
    [
        {"train/cat": 12, "train/dog": 12, "test/cat": 4, "test/dog": 4, "pred": 3},
        {"training_set/cat": 12, "training_set/dog": 12, "test_set/cat": 4, "test_set/dog": 4, "single_prediction": 3},
        {"seg_train/seg_train/cat": 12, "seg_train/seg_train/dog": 12, "seg_test/seg_test/cat": 4, "seg_test/dog": 4}
        | {"seg_test/seg_test/dog": 4, "seg_pred/seg_pred": 3},
        {"archive/Train/cat": 12, "archive/Train/dog": 12, "archive/Test/cat": 4, "archive/Test/dog": 4},
        {"pets_train/cat": 12, "pets_train/dog": 12, "pets_test/cat": 4, "pets_test/dog": 4, "pets_extra/cat": 2},
        {"train/cat": 12, "train/dog": 12, "test/cat/young": 4, "test/dog/old/grey": 4, "extra/cat": 2},
    ],
    ids=["plain", "sets", "doubled", "wrapped", "alike", "deep"],
)
def test_where_a_folder_is_a_split_no_folder_beside_it_is_a_class(read: Read, fill: Fill, folders: dict[str, int]):
    """The classes are cat and dog, and the source's own test split is kept."""
    folders.pop("seg_test/dog", None)

    dataset = read(fill(folders))

    assert dataset.vocabulary == ("cat", "dog")
    assert dataset.splits["test"].strata == (4, 4)
    beside = sum(count for name, count in folders.items() if name.split("/")[0].endswith(("pred", "tion", "extra")))
    assert sum(left_out(dataset).values()) == beside


def test_a_class_that_is_called_as_a_split_is_named_in_the_recipe(read: Read, fill: Fill):
    """Images that lie in a folder train are refused, unless data.classes says that it is a class."""
    source = fill({"train": 10, "car": 10, "bus": 10})

    what, got, fix = refused(read, source)
    dataset = read(source, classes=["bus", "car", "train"])

    assert ("cannot tell the class" in what, "train/0.png" in got, "data.classes" in fix) == (True, True, True)
    assert dataset.vocabulary == ("bus", "car", "train")


def test_splits_within_the_classes_are_refused(read: Read, fill: Fill):
    """They would be mixed, although the source has a test split."""
    what, got, _ = refused(read, fill({"cat/train": 9, "cat/test": 3, "dog/train": 9, "dog/test": 3}))

    assert "splits within the classes" in what
    assert got == "class/test, class/train"


def test_a_split_without_class_folders_is_left_out_by_name(read: Read, fill: Fill):
    """Kaggle's flat test folder has no labels; test is cut from train."""
    dataset = read(fill({"train/cat": 10, "train/dog": 10, "test": 5}))

    assert left_out(dataset) == {"a file of test, a split without class folders": 5}
    assert dataset.splits["test"].count == 4


@pytest.mark.parametrize(
    "suffix", sorted({".jfif", ".jpe", ".jp2", ".webp", ".avif", ".tga", ".pgm", ""} & {*SUFFIXES, ""})
)
def test_every_ending_that_pillow_reads_is_an_image(read: Read, fill: Fill, suffix: str):
    """Also none at all: it is the content that counts."""
    source = fill({"cat": 10, "dog": 10})
    for path in (source / "dog").iterdir():
        path.rename(path.with_suffix(suffix))

    assert read(source).vocabulary == ("cat", "dog")
    assert sum(read(source).splits[name].count for name in ("train", "validation", "test")) == 20


def test_what_is_not_read_in_class_folders_is_held_against_the_fraction(read: Read, fill: Fill):
    """Three files of 23 are no images: refused by ending and number, and let through where so many are allowed."""
    source = fill({"cat": 10, "dog": 10})
    for name in ("cat/a.heic", "cat/b.heic", "dog/c.svg"):
        (source / name).write_bytes(b"something")

    what, got, _ = refused(read, source)
    dataset = read(source, max_corrupt_fraction=0.14)

    assert "files it cannot read" in what
    assert "of 23 images" in got
    assert ".heic in a class folder 2: cat/a.heic, cat/b.heic" in got
    assert ".svg" in got
    assert left_out(dataset) == {"a file of .heic in a class folder": 2, "a file of .svg in a class folder": 1}


@pytest.mark.parametrize("folders", [{"bird": 0}, {"bird/young": 0}], ids=["empty", "deep and empty"])
def test_a_class_folder_without_an_image_is_refused(read: Read, fill: Fill, folders: dict[str, int]):
    """A class that would vanish is named."""
    what, got, fix = refused(read, fill({"cat": 10, "dog": 10, **folders}))

    assert "a class folder without an image" in what
    assert got == "bird"
    assert "remove it" in fix


def test_an_empty_class_of_a_split_is_refused(read: Read, fill: Fill):
    """Below train as elsewhere."""
    assert refused(read, fill({"train/cat": 10, "train/dog": 10, "train/bird": 0}))[1] == "train/bird"


def test_a_class_of_files_that_are_not_read_is_refused_with_their_ending(read: Read, fill: Fill):
    """However many corrupt images are allowed."""
    source = fill({"cat": 10, "dog": 10})
    (source / "bird").mkdir()
    (source / "bird" / "1.heic").write_bytes(b"something")

    assert refused(read, source, max_corrupt_fraction=1.0)[1].startswith("bird; not read: a file of .heic")


def test_what_lies_beside_the_classes_is_left_out_and_told(read: Read, fill: Fill):
    """A readme, hidden files and what a desktop left are no images, and are counted."""
    source = fill({"cat": 10, "dog": 10})
    for name in ("README.md", "cat/Thumbs.db", "cat/.DS_Store"):
        (source / name).write_bytes(b"x")

    assert left_out(read(source)) == {
        "a file of .md outside of the class folders": 1,
        "a file that a desktop left": 1,
        "hidden, by a dot before its name, or left by a desktop": 1,
    }


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        here = Path.cwd()
        os.chdir(path.parent)  # the address of a socket is short
        try:
            made.bind(path.name)
        finally:
            os.chdir(here)


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


def _nowhere(path: Path) -> None:
    path.symlink_to("nothing.png")


def _folder(path: Path) -> None:
    path.mkdir()


def _empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_fifo, "a FIFO"),
        (_socket, "a socket"),
        (_loop, "a link that leads round in a circle"),
        (_nowhere, "a link that leads nowhere"),
        (_folder, "a folder with the ending of an image"),
        (_empty, "no bytes"),
    ],
)
def test_what_is_no_file_counts_as_a_corrupt_image(read: Read, fill: Fill, make: Callable[[Path], None], words: str):
    """It is neither waited for nor passed over."""
    source = fill({"cat": 10, "dog": 10})
    make(source / "cat" / "x.png")

    assert words in refused(read, source)[1]
    assert read(source, max_corrupt_fraction=0.05).splits["train"].count > 10


@pytest.mark.parametrize("target", [".", "..", "cat"], ids=["itself", "around itself", "another class"])
def test_a_link_to_a_folder_is_refused(read: Read, fill: Fill, target: str):
    """A source may hold itself; and a class behind a link would vanish."""
    source = fill({"cat": 10, "dog": 10})
    (source / "loop").symlink_to(target)

    what, got, _ = refused(read, source)

    assert "links to folders" in what or "does not leave" in what
    assert got == "loop"


@pytest.mark.parametrize("name", [b"dog\xff", b"dog\x1b[2J", b"dog\n", b"d" * 240])
def test_a_class_whose_name_cannot_be_shown_is_refused(read: Read, fill: Fill, name: bytes):
    """Class names go into files, pages and terminals; the refusal itself shows it harmlessly."""
    source = fill({"cat": 10, "dog": 10})
    (source / "dog").rename(source / os.fsdecode(name))

    what, got, _ = refused(read, source)

    assert "cannot use a class name" in what
    assert got.isprintable()


def test_a_file_may_have_any_name(read: Read, fill: Fill):
    """One that is not UTF-8 or holds control characters is read, and named harmlessly when it is corrupt."""
    source = fill({"cat": 10, "dog": 10})
    for name, data in ((b"\xff\x1b[2J.png", b"text"), (b"a\nb.png", b"")):
        (source / "cat" / os.fsdecode(name)).write_bytes(data)

    dataset = read(source, max_corrupt_fraction=0.1)

    assert dataset.corrupt.count == 2
    assert all(example.isprintable() and example.isascii() for example in dataset.corrupt.examples)


@pytest.mark.parametrize(
    ("source", "got"),
    [
        ("a\0b", "NUL"),
        ("/dev/null", "a device"),
        ("x" * 300, "name too long"),
        ("{}/fifo", "a FIFO"),
        ("{}/loop", "link"),
    ],
)
def test_a_source_that_is_no_folder_is_refused(read: Read, tmp_path: Path, source: str, got: str):
    """Whatever stands at its path."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to("loop")

    what, met, _ = refused(read, source.format(tmp_path))

    assert "finds no source" in what
    assert got in met.lower() or got in met


def test_a_file_that_goes_away_is_a_corrupt_image(read: Read, fill: Fill, monkeypatch: pytest.MonkeyPatch):
    """Between the listing and the reading of it."""
    from featherline.tasks.steps import preprocess as step  # noqa: PLC0415 - to take the file away in the middle

    source = fill({"cat": 10, "dog": 10})
    plan = step.assign

    def plan_and_lose(*args: object, **given: object) -> object:
        (source / "cat" / "0.png").unlink()
        return plan(*args, **given)  # type: ignore[arg-type] # handed on

    monkeypatch.setattr(step, "assign", plan_and_lose)

    assert "cat/0.png (no such file)" in refused(read, source)[1]


def test_the_log_says_all_of_it(read: Read, fill: Fill, capsys: pytest.CaptureFixture[str]):
    """The classes with their images by split, and what was left out."""
    read(fill({"train/cat": 10, "train/dog": 12, "test/cat": 4, "test/dog": 4, "pred": 3}))

    said = capsys.readouterr().out
    assert "preprocess: the vocabulary is cat, dog" in said
    assert "preprocess: test: 8 examples: 4 cat, 4 dog" in said
    assert "preprocess: left out: a file of pred, which lies beside the splits: 3 (pred/0.png" in said


def test_what_an_archive_of_a_mac_leaves_is_no_class(read: Read, fill: Fill):
    """`__MACOSX` beside the classes is left out and told."""
    source = fill({"cat": 10, "dog": 10})
    (source / "__MACOSX" / "cat").mkdir(parents=True)
    (source / "__MACOSX" / "cat" / "._0.png").write_bytes(b"resource fork")

    dataset = read(source)

    assert dataset.vocabulary == ("cat", "dog")
    assert [told.count for told in dataset.intake.left_out] == [1]
