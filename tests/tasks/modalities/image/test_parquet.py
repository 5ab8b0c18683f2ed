"""Parquet files of every kind: the right columns and names, and no cell, page or path that does harm."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.steps.preprocess import PreprocessParams
from featherline.tasks.modalities.image import parquet
from featherline.tasks.store.fingerprint import fingerprint

Picture = Callable[..., bytes]
Read = Callable[..., Dataset]
Write = Callable[..., Path]

STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


@pytest.fixture
def write(tmp_path: Path, picture: Picture) -> Write:
    """Give a function that writes a file of 20 images, with other columns and class names by column."""

    def put(name: str = "all", *, names: dict[str, list[str]] | None = None, **columns: Any) -> Path:
        columns = {"image": [picture(row) for row in range(20)]} | columns
        table = pa.table({key: value for key, value in columns.items() if value is not None})
        features = {column: {"names": known, "_type": "ClassLabel"} for column, known in (names or {}).items()}
        if names is not None:
            table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
        (tmp_path / "source").mkdir(exist_ok=True)
        pq.write_table(table, tmp_path / "source" / f"{name}.parquet")
        return tmp_path / "source"

    return put


def refused(read: Read, source: Path, **given: object) -> tuple[str, str, str]:
    """Return what, got and fix of the first problem."""
    with pytest.raises(Refused) as refusal:
        read(source, **given)
    problem = refusal.value.problems[0]
    return problem.what, problem.got, problem.fix


PAIRS = [0, 1] * 10


@pytest.mark.parametrize(
    ("columns", "names", "given", "classes"),
    [
        ({"labels": PAIRS}, {"labels": ["cat", "dog"]}, {}, ("cat", "dog")),
        ({"breed": PAIRS, "age": PAIRS}, {"breed": ["cat", "dog"]}, {}, ("cat", "dog")),
        ({"fine": PAIRS, "coarse": PAIRS}, {"fine": ["a", "b"]}, {"label_column": "coarse"}, ("0", "1")),
        ({"label": PAIRS, "fine": PAIRS}, {"fine": ["cat", "dog"]}, {"label_column": "FINE"}, ("cat", "dog")),
        ({"label": pa.array([0.0, 1.0] * 10)}, None, {}, ("0", "1")),
        ({"label": ["1.0", "0"] * 10}, None, {}, ("0", "1")),
        ({"label": [True, False] * 10}, None, {}, ("0", "1")),
        ({"labels": PAIRS, "image_file_path": [f"{row}.png" for row in range(20)]}, None, {}, ("0", "1")),
        ({"y": pa.array(["a", "b"] * 10).dictionary_encode()}, None, {}, ("a", "b")),
        ({"label": PAIRS}, {"label": ["cat", "dog"]}, {"classes": ["x", "y"]}, ("x", "y")),
    ],
)
def test_labels_and_their_names_are_found(
    read: Read, write: Write, *, columns: dict[str, Any], names: dict[str, list[str]] | None, given: dict[str, Any],
    classes: tuple[str, ...],
):  # fmt: skip
    """Under whatever name, with the names that the files bring."""
    dataset = read(write(names=names, **columns), **given)

    assert dataset.vocabulary == classes
    assert dataset.intake.columns["image"] == "image"


def test_the_only_column_of_images_is_taken(read: Read, write: Write, picture: Picture):
    """Another name than image needs no word; two of them do."""
    pictures = [picture(row) for row in range(20)]

    assert read(write(image=None, photo=pictures, label=PAIRS)).intake.columns == {"image": "photo", "label": "label"}
    source = write(image=None, photo=pictures, mask=pictures, label=PAIRS)
    assert refused(read, source)[2] == "set data.image_column to photo or mask"
    assert read(source, image_column="photo").vocabulary == ("0", "1")


@pytest.mark.parametrize("labels", [None, [-1] * 20, pa.array([None] * 20, pa.int64())])
def test_a_test_split_without_labels_is_left_out(read: Read, write: Write, labels: Any):
    """The column is absent, says -1 or nothing: so hidden labels are written."""
    write("train", label=PAIRS)

    dataset = read(write("test", label=labels))

    (told,) = dataset.intake.left_out
    assert (told.count, told.what) == (20, "an image of the split test, which has no labels")
    assert sum(dataset.splits[name].count for name in ("train", "validation", "test")) == 20


@pytest.mark.parametrize("asked", [{}, {"label_column": "sex"}])
def test_another_column_of_the_test_split_is_no_label(read: Read, write: Write, asked: dict[str, str]):
    """Train's label is sex; a test file that has only an age has no labels."""
    write("train", sex=PAIRS)
    source = write("test", age=PAIRS)

    assert read(source, **asked).intake.read == {"train": 20}


def test_the_recipe_orders_the_classes_that_the_files_name(read: Read, write: Write):
    """Numbers mean what the files say: a recipe that names the dog first does not call cats dogs."""
    source = write(names={"label": ["cat", "dog"]}, label=[0] * 15 + [1] * 5)

    dataset = read(source, classes=["dog", "cat"])

    assert dataset.splits["train"].strata[0] < dataset.splits["train"].strata[1]


def test_files_must_agree_on_the_class_names(read: Read, write: Write):
    """Number 0 would be a cat in one and a dog in the other."""
    write("train", label=PAIRS, names={"label": ["cat", "dog"]})
    source = write("test", label=PAIRS, names={"label": ["dog", "cat"]})

    assert (
        refused(read, source)[0] == "preprocess meets other class names in test.parquet"
        or "train" in refused(read, source)[0]
    )


@pytest.mark.parametrize("text", ["{" * 50_000, "[1]", '{"info": {"features": {"label": {"names": {"a": 1}}}}}'])
def test_metadata_of_another_kind_is_passed_over(read: Read, write: Write, text: str):
    """What is no class names is none."""
    source = write(label=PAIRS)
    table = pq.read_table(source / "all.parquet")
    pq.write_table(table.replace_schema_metadata({"huggingface": text}), source / "all.parquet")

    assert read(source).vocabulary == ("0", "1")


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"image": pa.array([{"bytes": None, "path": 3}] * 20)}, "the column image"),
        ({"image": pa.array([{"bytes": None, "path": "a\0b"}] * 20, STRUCT)}, "no such file"),
        ({"image": pa.array([{"bytes": None, "path": "fifo.png"}] * 20, STRUCT)}, "a FIFO"),
        ({"image": pa.array([{"bytes": None, "path": "x" * 5000}] * 20, STRUCT)}, "File name too long"),
        ({"image": [1] * 20}, "the column image"),
        ({"label": [[1]] * 20}, "the column label"),
        ({"label": pa.array([1] * 20, pa.date32())}, "the column label"),
        ({"label": pa.array([float("nan"), *[0.0, 1.0] * 9, 1.0])}, "a row without a label"),
        ({"label": ["x" * 10**6, "y"] * 10}, "the labels"),
        ({"label": ["a\x1b[2J", "b"] * 10}, "a class name"),
        ({"label": ["a\u202eb", "b"] * 10}, "a class name"),
        ({"label": [f"{row}.png" for row in range(20)]}, "for classes"),
        ({"label": None, "a": PAIRS, "b": PAIRS}, "the column of labels"),
        ({"label": None}, "misses label"),
    ],
)
def test_columns_that_are_wrong_are_refused(read: Read, write: Write, columns: dict[str, Any], words: str):
    """By a refusal that can be printed, and nothing hangs."""
    source = write(**({"label": PAIRS} | columns))
    os.mkfifo(source / "fifo.png")

    what, got, fix = refused(read, source, format="parquet")

    assert words in what + got
    assert (what + got + fix).isprintable()


def test_a_page_that_does_not_fit_into_memory_is_refused(read: Read, write: Write, monkeypatch: pytest.MonkeyPatch):
    """By what the file says of itself, before it is unpacked."""
    monkeypatch.setattr(parquet, "LARGEST_PAGE_BYTES", 1000)

    assert "in bounded memory" in refused(read, write(label=PAIRS))[0]


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"image_size": [100_000, 100_000]}, "image_size"),
        ({"image_size": [0, 5]}, "image_size"),
        ({"background": [0, 0, 256]}, "background"),
        ({"pixel_range": [1, 1]}, "pixel_range"),
        ({"label_column": ""}, "label_column"),
    ],
)
def test_parameters_out_of_bounds_are_refused_at_the_door(given: dict[str, object], key: str):
    """By the contract, so that resolve refuses the recipe."""
    with pytest.raises(ValueError, match=key):
        PreprocessParams.model_validate({"source": "digits", **given})


def test_more_than_the_disk_holds_is_refused(read: Read, write: Write, monkeypatch: pytest.MonkeyPatch):
    """Before the first shard is written."""
    from featherline.tasks.data.sources import budget  # noqa: PLC0415 - to have a small disk

    usage = budget.shutil.disk_usage("/")
    monkeypatch.setattr(budget.shutil, "disk_usage", lambda _: usage._replace(free=1000))

    assert refused(read, write(label=PAIRS), image_size=[64, 64])[1] == "0.0 GB: 20 examples of 64x64x1"


def test_the_state_of_any_folder_can_be_told(tmp_path: Path):
    """Names that are not UTF-8, loops, FIFOs and links to nowhere; a new empty folder is a change."""
    (tmp_path / os.fsdecode(b"\xff")).write_bytes(b"x")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "self").symlink_to(".")
    os.mkfifo(tmp_path / "fifo")
    before = fingerprint(str(tmp_path))

    (tmp_path / "empty").mkdir()

    assert fingerprint(str(tmp_path)) != before
    assert fingerprint("a\0b") == "absent"


@pytest.mark.parametrize(
    ("data", "classes"),
    [
        ("cat\r\n\r\n dog \r\n".encode("utf-8-sig"), ("cat", "dog")),
        ("kätzchen\nhund\n".encode("utf-16"), ("kätzchen", "hund")),
        (b"cat\rdog", ("cat", "dog")),
    ],
    ids=["spreadsheet", "UTF-16", "old line ends"],
)
def test_classes_txt_is_read_as_editors_write_it(read: Read, write: Write, data: bytes, classes: tuple[str, ...]):
    """Marks, line ends and empty lines are no part of names."""
    source = write(label=PAIRS)
    (source / "classes.txt").write_bytes(data)

    assert read(source).vocabulary == classes


@pytest.mark.parametrize(
    ("data", "got"),
    [
        ("kätzchen\nhund\n".encode("latin-1"), "no UTF-8, in line 1"),
        (b"cat\ncat\n", "cat"),
        (b"\n \n", "no names"),
        (b"cat\0\ndog\n", "cat\\\\x00"),
        (b"a\n" * 600_000, "1,200,000 bytes"),
        (b"\xff\xfea", "no UTF-8"),
    ],
    ids=["Latin-1", "twice", "empty", "NUL", "large", "half a character"],
)
def test_classes_txt_that_cannot_be_used_is_refused(read: Read, write: Write, data: bytes, got: str):
    """With the line, and in letters that can be printed."""
    source = write(label=PAIRS)
    (source / "classes.txt").write_bytes(data)

    assert got.replace("\\\\", "\\") in refused(read, source)[1]
