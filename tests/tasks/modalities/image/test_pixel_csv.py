"""CSV of pixels: the right columns, the right rows, and a refusal where they cannot be told."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.data.dataset import read_split
from featherline.tasks.running.context import Context
from tests.tasks.modalities.image.tables import Read, refused, table, write

ROWS = 40
PIXELS = np.random.default_rng(0).integers(0, 256, (ROWS, 16), np.uint8)
LABELS = [row % 2 for row in range(ROWS)]
HEAD = [f"pixel{number}" for number in range(16)]


def pixels_of(context: Context, dataset: Dataset) -> set[bytes]:
    """Return all images."""
    parts = [read_split(context.store, dataset, name)[0]["image"] for name in ("train", "validation", "test")]
    return {image.tobytes() for images in parts for image in images}


LABELLED = [[label, *pixels] for label, pixels in zip(LABELS, PIXELS.tolist(), strict=True)]
LAST = [[*pixels, label] for label, pixels in zip(LABELS, PIXELS.tolist(), strict=True)]


@pytest.mark.parametrize(
    ("text", "given"),
    [
        (table(["label", *HEAD], LABELLED), {}),
        (table(["label", *HEAD], LABELLED, between=";"), {}),
        (table(["label", *HEAD], LABELLED, between="\t"), {}),
        ("﻿" + table(["Label", *HEAD], LABELLED).replace("\n", "\r\n"), {}),
        (table([*HEAD, "species"], LAST), {}),
        (table([*HEAD, "what it is"], LAST), {}),
        (table(["digit_id", *HEAD], LABELLED), {"label_column": "Digit_ID"}),
        (table(None, LABELLED), {}),
        (table(None, LAST), {}),
        (table(None, LAST), {"label_column": -1}),
        (table(None, LABELLED), {"label_column": 0}),
        (table([str(number) for number in range(17)], LABELLED), {"label_column": "0"}),
        (table(["label", *(str(number) for number in range(16))], LABELLED), {}),
        (table(["label", *(f"{row}x{column}" for row in range(4) for column in range(4))], LABELLED), {}),
        (table(["", "label", *HEAD], [[n, *row] for n, row in enumerate(LABELLED)]), {}),
        (table(["label", *HEAD], [[float(cell) for cell in row] for row in LABELLED]), {}),
        (table(["label", "pixels"], [[row[0], " ".join(map(str, row[1:]))] for row in LABELLED]), {}),
        (table(["label", *HEAD], LABELLED[:30]) + "\n\n" + table(None, LABELLED[30:]), {}),
    ],
)  # fmt: skip
def test_pixels_and_labels_are_found(context: Context, read: Read, tmp_path: Path, text: str, given: dict[str, object]):
    """However the table is written, the same images come with the same classes."""
    dataset = read(write(tmp_path / "source", all__csv=text), **given)

    assert dataset.vocabulary == ("0", "1")
    assert pixels_of(context, dataset) == {row.tobytes() for row in PIXELS}


def test_a_usage_column_tells_the_split_of_each_row(read: Read, tmp_path: Path):
    """As in FER-2013: the public test validates; a row of no split is left out and told."""
    usage = ["Training"] * 24 + ["PublicTest"] * 8 + ["PrivateTest"] * 6 + ["Extra"] * 2
    rows: list[list[object]] = [
        [label, " ".join(map(str, row)), use] for label, row, use in zip(LABELS, PIXELS, usage, strict=True)
    ]

    dataset = read(write(tmp_path / "source", icml__csv=table(["emotion", " pixels", " Usage"], rows)))

    assert [dataset.splits[name].count for name in ("train", "validation", "test")] == [24, 8, 6]
    assert dataset.intake.columns["split"] == "Usage"
    (told,) = dataset.intake.left_out
    assert (told.count, told.what) == (2, "a row whose Usage is 'Extra', which is no split")


def test_an_unlabelled_test_file_is_left_out_by_name(read: Read, tmp_path: Path):
    """And so is the sample of a submission, which holds no pixels."""
    files = {
        "train__csv": table(["label", *HEAD], LABELLED),
        "test__csv": table(HEAD, PIXELS.tolist()),
        "sample_submission__csv": table(["ImageId", "Label"], [[1, 0], [2, 0]]),
    }

    dataset = read(write(tmp_path / "source", **files))

    told = {item.what: item.examples for item in dataset.intake.left_out}
    assert told == {
        "a file of the split test, which has no labels": ("test.csv",),
        "a file without a column a pixel": ("sample_submission.csv",),
    }


def test_a_test_file_without_header_and_labels_is_left_out(read: Read, tmp_path: Path):
    """It has one column less than train."""
    files = {"train__csv": table(None, LABELLED), "test__csv": table(None, PIXELS.tolist())}

    dataset = read(write(tmp_path / "source", **files))

    assert [told.examples for told in dataset.intake.left_out] == [("test.csv",)]
    assert sum(dataset.splits[name].count for name in ("train", "validation", "test")) == ROWS


def test_a_first_row_with_a_name_and_numbers_is_no_header(read: Read, tmp_path: Path):
    """No image is lost to it."""
    rows: list[list[object]] = [[("cat", "dog")[row % 2], *pixels] for row, pixels in enumerate(PIXELS.tolist())]

    dataset = read(write(tmp_path / "source", all__csv=table(None, rows)))

    assert dataset.vocabulary == ("cat", "dog")
    assert sum(dataset.splits[name].count for name in ("train", "validation", "test")) == ROWS


def test_floats_of_0_to_1_are_scaled_and_it_is_told(context: Context, read: Read, tmp_path: Path):
    """A CSV of normalised pixels gives the same images as one of bytes."""
    rows: list[list[object]] = [
        [label, *(row / 255).round(6).tolist()] for label, row in zip(LABELS, PIXELS, strict=True)
    ]

    dataset = read(write(tmp_path / "source", all__csv=table(["label", *HEAD], rows)))

    assert pixels_of(context, dataset) == {row.tobytes() for row in PIXELS}
    assert dataset.intake.changed[0].what == "numbers of a CSV scaled from 0 to 1 to 0 to 255"


BAD_ROWS = {
    "a row that is too short": (table(["label", *HEAD], [*LABELLED, [0, 1, 2]]), "Expected 17 columns, got 3"),
    "a quote that is never closed": (table(["label", *HEAD], [*LABELLED, ['"0', *PIXELS[0]]]), "cannot read"),
    "a NUL": (table(["label", *HEAD], [*LABELLED, ["\0", *PIXELS[0]]]), "NUL"),
    "a NaN": (table(["label", *HEAD], [*LABELLED, [0, "nan", *PIXELS[0, 1:]]]), "no numbers"),
    "no label": (table(["label", *HEAD], [*LABELLED, ["", *PIXELS[0]]]), "all.csv:40"),
    "a label NaN": (table(["label", *HEAD], [*LABELLED, ["nan", *PIXELS[0]]]), "all.csv:40"),
    "a label of a page": (table(["label", *HEAD], [["x" * 9000, *row] for row in PIXELS.tolist()] + LABELLED), "x"),
    "measurements": (table(["label", *HEAD], [[n * 7, *row] for n, row in enumerate(PIXELS.tolist())]), "40 distinct"),
    "halves": (table(["label", *HEAD], [[f"{n}.5", *row] for n, row in enumerate(PIXELS.tolist())]), "40 distinct"),
    "no label at all": (table(HEAD, PIXELS.tolist()), "pixel0, pixel1"),
    "two that may be labels": (table(["a", "b", *HEAD], [[0, *row] for row in LABELLED]), "a, b"),
    "a column twice": (table(["label", "p", *HEAD[:14], "p"], LABELLED), "'p' twice"),
    "numbers beyond a byte": (table(["label", *HEAD], [[0, *([4000] * 16)], *LABELLED]), "0 to 4000"),
    "negative numbers": (table(["label", *HEAD], [[0, *([-1] * 16)], *LABELLED]), "-1 to 255"),
    "digits without end": (table(["label", *HEAD], [["9" * 5000, *PIXELS[0]], *LABELLED]), "9"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "words"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_a_table_that_is_wrong_is_refused(read: Read, tmp_path: Path, text: str, words: str):
    """With the row or the column, and never half read."""
    what, got, fix = refused(read, write(tmp_path / "source", all__csv=text))

    assert words in what + got
    assert fix


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_a_table_in_another_encoding_is_refused(read: Read, tmp_path: Path, encoding: str):
    """It is told, and no class is called by half a letter."""
    (tmp_path / "all.csv").write_bytes(table(["läbel", *HEAD], LABELLED).encode(encoding))

    what, _, fix = refused(read, tmp_path)

    assert "cannot read all.csv" in what
    assert "write the file anew" in fix


def test_a_row_of_64_mib_that_was_packed_is_refused(read: Read, tmp_path: Path):
    """A row without end is read 4 MiB far, in the head and behind it."""
    for name, text in (("head", b""), ("behind", table(["label", *HEAD], LABELLED).encode())):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "all.csv.gz").write_bytes(gzip.compress(text + b"0," * 2**25, compresslevel=1))

        assert "a row of more than 4 MiB" in refused(read, folder)[1]


def test_a_file_that_unpacks_without_end_is_refused(read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A thousand times its size, whatever it unpacks to: empty lines here."""
    monkeypatch.setattr("featherline.tasks.data.sources.csv_files.LARGEST_BOMB_BYTES", 2**22)
    text = table(["label", *HEAD], LABELLED).encode()
    (tmp_path / "all.csv.gz").write_bytes(gzip.compress(text + b"\n" * 2**23))

    assert "more than 200 times its size" in refused(read, tmp_path)[1]


def test_a_packed_file_that_is_cut_is_refused(read: Read, tmp_path: Path):
    """Half of the rows is not what was asked for."""
    data = gzip.compress(table(["label", *HEAD], LABELLED * 200).encode())
    (tmp_path / "all.csv.gz").write_bytes(data[: len(data) // 2])

    assert "end-of-stream" in refused(read, tmp_path)[1]


def test_a_column_that_is_not_there_is_refused_with_the_nearest(read: Read, tmp_path: Path):
    """By name and by position."""
    source = write(tmp_path / "source", all__csv=table(["label", *HEAD], LABELLED))

    assert "did you mean label?" in refused(read, source, label_column="lable")[2]
    assert refused(read, source, label_column=17)[1] == "17"


BY_TEXT = sorted(range(16), key=str)


def test_pixels_are_in_the_order_of_their_numbers(context: Context, read: Read, tmp_path: Path):
    """Columns that were sorted as text, and those of a test file in another order than train's, are the same images."""
    by_text = [[row[0], *(row[n + 1] for n in BY_TEXT)] for row in LABELLED[:30]]
    files = {
        "train__csv": table(["label", *(HEAD[n] for n in BY_TEXT)], by_text),
        "test__csv": table([*HEAD[::-1], "label"], [[*row[:0:-1], row[0]] for row in LABELLED[30:]]),
    }

    dataset = read(write(tmp_path / "source", **files))

    assert pixels_of(context, dataset) == {row.tobytes() for row in PIXELS}
    assert [(told.count, told.what) for told in dataset.intake.changed] == [
        (2, "a table whose pixel columns were put in order")
    ]


def test_columns_without_numbers_are_in_the_order_of_train(context: Context, read: Read, tmp_path: Path):
    """A test file with the same columns in another order does not scramble its images."""
    head = [f"v{chr(97 + number)}" for number in range(16)]
    files = {
        "train__csv": table(["label", *head], LABELLED[:30]),
        "test__csv": table([*head[::-1], "label"], [[*row[:0:-1], row[0]] for row in LABELLED[30:]]),
    }

    dataset = read(write(tmp_path / "source", **files))

    assert pixels_of(context, dataset) == {row.tobytes() for row in PIXELS}


def test_planes_of_colours_are_laid_side_by_side(context: Context, read: Read, tmp_path: Path):
    """r0 to r3, then g0 to g3 and b0 to b3, are a coloured image of 2x2."""
    head = [f"{colour}{number}" for colour in "rgb" for number in range(4)]
    planes = [100 * plane + 10 * pixel for plane in range(3) for pixel in range(4)]
    rows: list[list[object]] = [[row % 2, *(value + row for value in planes)] for row in range(10)]

    dataset = read(write(tmp_path / "source", a__csv=table(["label", *head], rows)), image_size=(2, 2), channels=3)

    examples, _ = read_split(context.store, dataset, "train")

    images = examples["image"]
    first = images[0].reshape(4, 3) - images[0].min()
    assert first.tolist() == [[0, 100, 200], [10, 110, 210], [20, 120, 220], [30, 130, 230]]


def test_the_only_column_beside_an_index_is_the_label(read: Read, tmp_path: Path):
    """Also one that is called like no label."""
    rows: list[list[object]] = [[number, *row] for number, row in enumerate(LABELLED)]

    dataset = read(write(tmp_path / "source", a__csv=table(["Unnamed: 0", "what", *HEAD], rows)))

    assert dataset.intake.columns["label"] == "what"


@pytest.mark.parametrize("asked", [{}, {"label_column": "kind"}, {"label_column": 0}])
def test_a_test_file_without_the_label_that_was_asked_for_is_left_out(
    read: Read, tmp_path: Path, asked: dict[str, object]
):
    """A column of its own is not taken in place of train's label."""
    files = {
        "train__csv": table(["kind", *HEAD], LABELLED),
        "test__csv": table([*HEAD], PIXELS.tolist()),
        "val__csv": table(["size", *HEAD], LABELLED),
    }
    if asked.get("label_column") == 0:
        del files["val__csv"]

    dataset = read(write(tmp_path / "source", **files), **asked)

    assert dataset.intake.read == {"train": ROWS}


def test_a_range_that_makes_all_pixels_black_is_refused(read: Read, tmp_path: Path):
    """Bytes under a range of 32 bits are all 0; the range is what to correct."""
    source = write(tmp_path / "source", a__csv=table(["label", *HEAD], LABELLED))

    what, _, fix = refused(read, source, pixel_range=(0, 2**32))

    assert "nothing is to be seen" in what
    assert fix == "correct data.pixel_range, which is [0.0, 4294967296.0]"
