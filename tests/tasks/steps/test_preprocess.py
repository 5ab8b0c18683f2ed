"""From every kind of source to a data set, and every source that is refused."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from PIL import Image

from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.steps.preprocess import PreprocessInputs, PreprocessParams
from featherline.tasks.data.dataset import read_split
from featherline.tasks.modalities.image.preprocessing import model_inputs, own_of
from featherline.tasks.running import workers
from featherline.tasks.running.context import Context
from featherline.tasks.steps import preprocess as chunks
from featherline.tasks.steps.preprocess import preprocess
from featherline.tasks.store.blobs import open_blobs

if TYPE_CHECKING:
    from featherline.stack.s3_server import S3Server

SHARED = Path(os.environ.get("FEATHERLINE_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
KINDS = ("parquet", "binary", "image_folder", "split_folder", "csv", "csv_gz")


def run(context: Context, source: Path | str, **given: object) -> Dataset:
    """Preprocess a source, and return the data set."""
    given = {"name": "small", "source": str(source), "calibration_count": 4, **given}
    outputs = preprocess(PreprocessInputs(), PreprocessParams.model_validate(given), context)
    return context.store.read(outputs.data, Dataset)


def images_of(context: Context, dataset: Dataset) -> dict[bytes, int]:
    """Return all images of train, validation and test by their pixels, with their labels."""
    found: dict[bytes, int] = {}
    for name in ("train", "validation", "test"):
        examples, labels = read_split(context.store, dataset, name)
        images = examples["image"]
        found |= {image.tobytes(): int(label) for image, label in zip(images, labels, strict=True)}
    return found


def samples_of(context: Context, dataset: Dataset) -> pd.DataFrame:
    """Return the samples table."""
    return pd.read_parquet(io.BytesIO(context.store.read_bytes(dataset.samples)))


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Return pixels (height, width) or (height, width, 3) as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def pictures(count: int = 40, side: int = 4, seed: int = 0) -> NDArray[np.uint8]:
    """Return distinct grey images."""
    return np.random.default_rng(seed).integers(0, 256, (count, side, side), np.uint8)


def write_parquet(path: Path, images: list[bytes | None], labels: list[object], *, binary: bool = False) -> None:
    """Write a parquet file as `datasets` does, or with plain bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = images if binary else [{"bytes": image, "path": f"{row}.png"} for row, image in enumerate(images)]
    kind = pa.binary() if binary else pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    pq.write_table(pa.table({"image": pa.array(cells, kind), "label": labels}), path, row_group_size=7)


def write(kind: str, folder: Path) -> NDArray[np.uint8]:
    """Write 40 grey images of 4x4, label 0 and 1 in turn, as a source of some kind. Returns the images."""
    images = pictures()
    folder.mkdir(parents=True, exist_ok=True)
    encoded: list[bytes | None] = [png(image) for image in images]
    labels: list[object] = [row % 2 for row in range(len(images))]
    if kind in {"parquet", "binary"}:
        write_parquet(folder / "part-0.parquet", encoded[:25], labels[:25], binary=kind == "binary")
        write_parquet(folder / "part-1.parquet", encoded[25:], labels[25:], binary=kind == "binary")
    elif kind in {"image_folder", "split_folder"}:
        for row, image in enumerate(encoded):
            split = ("train", "val", "test")[max(0, row - 29) // 2 % 3] if kind == "split_folder" else ""
            path = folder / split / str(row % 2) / f"{row:03d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(image or b"")
    else:
        head = ",".join(["label", *(f"pixel{number}" for number in range(16))])
        rows = [",".join(map(str, [row % 2, *image.ravel()])) for row, image in enumerate(images)]
        text = "\n".join([head, *rows]) + "\n"
        if kind == "csv_gz":
            (folder / "all.csv.gz").write_bytes(gzip.compress(text.encode()))
        else:
            (folder / "all.csv").write_text(text)
    return images


def test_the_bundled_digits_become_a_data_set(context: Context):
    """1,797 images: 359 test, a tenth of the rest validates, 200 of train calibrate; pixels are 0 to 16."""
    dataset = run(context, "digits", calibration_count=200)

    sizes = {name: split.count for name, split in dataset.splits.items()}
    assert sizes == {"train": 1294, "validation": 144, "calibration": 200, "test": 359}
    assert dataset.input_shape == (8, 8, 1)
    assert dataset.vocabulary == tuple("0123456789")
    assert dataset.inputs["image"].statistics.scale == 16
    assert all(15 <= count <= 25 for count in dataset.splits["calibration"].strata)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_source_gives_the_same_images(context: Context, tmp_path: Path, kind: str):
    """All 40 images arrive, unchanged and with their label, each in one split."""
    images = write(kind, tmp_path / "source")

    dataset = run(context, tmp_path / "source")

    assert dataset.input_shape == (4, 4, 1)
    assert dataset.vocabulary == ("0", "1")
    assert images_of(context, dataset) == {image.tobytes(): row % 2 for row, image in enumerate(images)}
    assert sum(dataset.splits[name].count for name in ("train", "validation", "test")) == 40


@pytest.mark.parametrize("kind", ["parquet", "image_folder", "csv_gz"])
def test_a_bucket_is_a_source_too(
    context: Context, tmp_path: Path, kind: str, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
):
    """The same files below a prefix give the same data set as in a folder."""
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    write(kind, tmp_path / "source")
    bucket = open_blobs(f"s3://featherline/sources/{kind}")
    for path in sorted((tmp_path / "source").rglob("*.*")):
        bucket.upload(path.relative_to(tmp_path / "source").as_posix(), path)

    of_bucket, of_folder = run(context, bucket.uri), run(context, tmp_path / "source")

    assert of_bucket == of_folder


def test_an_empty_prefix_is_refused(context: Context, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch):
    """A prefix without keys is told apart from one with images."""
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)

    with pytest.raises(Refused) as refusal:
        run(context, "s3://featherline/nothing-here")

    assert refusal.value.problems[0].what == "preprocess finds nothing in s3://featherline/nothing-here"


def test_calibration_is_a_part_of_train(context: Context, tmp_path: Path):
    """Its images are in train, and in no other split."""
    write("parquet", tmp_path / "source")
    dataset = run(context, tmp_path / "source")

    samples = samples_of(context, dataset)
    digests = {name: set(samples.loc[samples["split"] == name, "sha256"]) for name in dataset.splits}
    assert digests["calibration"] <= digests["train"]
    assert not digests["train"] & (digests["validation"] | digests["test"])
    assert dataset.splits["calibration"].strata == (2, 2)


def test_samples_tell_each_image(context: Context, tmp_path: Path):
    """Digest, mean, spread, minimum and maximum are those of the pixels."""
    images = write("parquet", tmp_path / "source")
    dataset = run(context, tmp_path / "source")

    samples = samples_of(context, dataset).set_index("sha256")
    row = samples.loc[[hashlib.sha256(images[0].tobytes()).hexdigest()]].iloc[0]
    assert row["stratum"] == 0
    assert row["image_mean"] == pytest.approx(images[0].mean())
    assert row["image_std"] == pytest.approx(images[0].std())
    assert (row["image_minimum"], row["image_maximum"]) == (images[0].min(), images[0].max())


def test_normalised_train_has_mean_0_and_spread_1(context: Context, tmp_path: Path):
    """The statistics are those of train, by channel."""
    colour = np.random.default_rng(1).integers(0, 256, (40, 4, 4, 3), np.uint8) // np.asarray([1, 2, 4], np.uint8)
    write_parquet(tmp_path / "all.parquet", [png(image) for image in colour], [row % 2 for row in range(40)])
    dataset = run(context, tmp_path)

    examples, _ = read_split(context.store, dataset, "train")

    images = examples["image"]
    inputs = model_inputs(images, own_of(dataset.inputs["image"]))
    assert inputs.mean(axis=(0, 1, 2)) == pytest.approx([0, 0, 0], abs=1e-5)
    assert inputs.std(axis=(0, 1, 2)) == pytest.approx([1, 1, 1], abs=1e-5)


def test_images_of_one_value_have_no_spread_to_divide_by(context: Context, tmp_path: Path):
    """A channel that never changes is only centred."""
    write_parquet(tmp_path / "all.parquet", [png(np.full((2, 2), 9, np.uint8))] * 20, [0, 1] * 10)

    assert run(context, tmp_path).inputs["image"].statistics.std == (1.0,)


def test_shards_are_cut_as_asked(context: Context, tmp_path: Path):
    """With 10 images a shard, 29 train images lie in three, in the order of the source."""
    images = write("parquet", tmp_path / "source")
    dataset = run(context, tmp_path / "source", shard_size=10)

    assert [shard.count for shard in dataset.splits["train"].shards] == [10, 10, 9]
    order = {image.tobytes(): row for row, image in enumerate(images)}
    train = read_split(context.store, dataset, "train")[0]["image"]
    rows = [order[image.tobytes()] for image in train]
    assert rows == sorted(rows)


def test_the_same_source_and_seed_give_the_same_data_set(context: Context, tmp_path: Path):
    """Byte for byte; another seed splits otherwise."""
    write("image_folder", tmp_path / "source")
    other = Context(context.store, seed=1)

    first, again = (run(context, tmp_path / "source") for _ in range(2))

    assert first.to_json() == again.to_json()
    assert first != run(other, tmp_path / "source")


def test_any_number_of_workers_gives_the_same_data_set(
    context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Also where examples are corrupt or were changed: they are told in the order of the source, byte for byte."""
    monkeypatch.setattr(workers, "SOON_S", 0.0)
    monkeypatch.setattr(chunks, "CHUNK_ROWS", 3)
    encoded: list[bytes | None] = [png(image) for image in pictures(200)]
    encoded[1::17] = [b"no image"] * len(encoded[1::17])
    encoded[2::17] = [png(np.full((4, 4, 4), row, np.uint8)) for row in range(len(encoded[2::17]))]
    write_parquet(tmp_path / "source" / "all.parquet", encoded, [0, 1] * 100)

    made = []
    for count in (1, 2, 4):
        monkeypatch.setattr(workers, "cores", lambda count=count: count)
        made.append(run(context, tmp_path / "source", max_corrupt_fraction=0.1, channels=1, shard_size=16).to_json())

    assert made[1:] == made[:1] * 2
    first = Dataset.from_json(made[0])
    assert (first.corrupt.count, first.intake.changed[0].count) == (12, 12)


def test_the_limit_holds_by_split_of_the_source(context: Context, tmp_path: Path):
    """Ten of train and ten of test are taken, both classes alike."""
    for name in ("train", "test"):
        images = pictures(30, seed=len(name))
        write_parquet(tmp_path / f"{name}.parquet", [png(image) for image in images], [0, 1] * 15)

    dataset = run(context, tmp_path, limit=10)

    assert dataset.splits["test"].strata == (5, 5)
    assert dataset.splits["train"].count + dataset.splits["validation"].count == 10


def test_names_come_from_the_recipe_before_the_source(context: Context, tmp_path: Path):
    """classes.txt names the classes, and data.classes names them over it."""
    write("parquet", tmp_path)
    (tmp_path / "classes.txt").write_text("cat\ndog\n")

    assert run(context, tmp_path).vocabulary == ("cat", "dog")
    assert run(context, tmp_path, classes=["a", "b"]).vocabulary == ("a", "b")


def test_names_in_the_parquet_metadata_are_read(context: Context, tmp_path: Path):
    """Files of the `datasets` library carry their class names."""
    names = {"info": {"features": {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}}}
    write("parquet", tmp_path)
    for path in tmp_path.glob("*.parquet"):
        table = pq.read_table(path)
        pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps(names)}), path)

    assert run(context, tmp_path).vocabulary == ("cat", "dog")


def test_a_path_in_place_of_bytes_is_followed_within_the_source(context: Context, tmp_path: Path):
    """A row that names a file beside the parquet file is that image."""
    images = pictures()
    (tmp_path / "pictures").mkdir()
    for row, image in enumerate(images):
        (tmp_path / "pictures" / f"{row}.bin").write_bytes(png(image))
    cells = [{"bytes": None, "path": f"pictures/{row}.bin"} for row in range(len(images))]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    pq.write_table(pa.table({"image": pa.array(cells, kind), "label": [0, 1] * 20}), tmp_path / "all.parquet")

    assert set(images_of(context, run(context, tmp_path))) == {image.tobytes() for image in images}


def test_mixed_sizes_fit_when_a_size_is_given(context: Context, tmp_path: Path):
    """Images of 4x4 and 8x8 become 6x6."""
    encoded = [png(image) for side in (4, 8) for image in pictures(20, side)]
    write_parquet(tmp_path / "all.parquet", encoded, [0, 1] * 20)

    assert run(context, tmp_path, image_size=[6, 6], channels=3).input_shape == (6, 6, 3)


def test_a_csv_without_a_header_has_its_label_first(context: Context, tmp_path: Path):
    """A first row of numbers is data."""
    images = pictures()
    rows = [",".join(map(str, [row % 2, *image.ravel()])) for row, image in enumerate(images)]
    (tmp_path / "mnist.csv").write_text("\n".join(rows))

    assert set(images_of(context, run(context, tmp_path))) == {image.tobytes() for image in images}


def test_a_csv_of_a_spreadsheet_is_read(context: Context, tmp_path: Path):
    """A byte order mark and Windows line ends are no part of the names or numbers."""
    images = pictures()
    head = ",".join(["Label", *(f"pixel{number}" for number in range(16))])
    rows = [",".join(map(str, [f"class {row % 2}", *image.ravel()])) for row, image in enumerate(images)]
    (tmp_path / "sheet.csv").write_bytes("\r\n".join([head, *rows]).encode("utf-8-sig"))

    dataset = run(context, tmp_path)

    assert dataset.vocabulary == ("class 0", "class 1")
    assert set(images_of(context, dataset)) == {image.tobytes() for image in images}


def test_a_csv_of_colours_needs_its_shape(context: Context, tmp_path: Path):
    """Of 2x3x3 numbers no shape can be guessed; with size and channels it is read."""
    colour = np.random.default_rng(0).integers(0, 256, (40, 2, 3, 3), np.uint8)
    head = ",".join(["label", *(f"p{number}" for number in range(18))])
    rows = [",".join(map(str, [row % 2, *image.ravel()])) for row, image in enumerate(colour)]
    (tmp_path / "all.csv").write_text("\n".join([head, *rows]))

    with pytest.raises(Refused) as refusal:
        run(context, tmp_path)
    dataset = run(context, tmp_path, image_size=[2, 3], channels=3)

    assert refusal.value.problems[0].got == "18 pixel columns"
    assert set(images_of(context, dataset)) == {image.tobytes() for image in colour}


def test_corrupt_images_within_the_limit_are_left_out_and_told(context: Context, tmp_path: Path):
    """One of 40 is allowed: 39 arrive, and the data set says which did not."""
    encoded: list[bytes | None] = [png(image) for image in pictures()]
    encoded[30] = b"no image"
    write_parquet(tmp_path / "part-0.parquet", encoded[:25], [0, 1] * 12 + [0])
    write_parquet(tmp_path / "part-1.parquet", encoded[25:], [1, 0] * 7 + [1])

    dataset = run(context, tmp_path, max_corrupt_fraction=0.025)

    assert dataset.corrupt.examples == ("part-1.parquet:5 (8 bytes that are no image)",)
    assert len(images_of(context, dataset)) == 39


def _absent(_: Path) -> None:
    pass


def _empty(folder: Path) -> None:
    folder.mkdir()


def _unknown_format(folder: Path) -> None:
    folder.mkdir()
    (folder / "data.mat").write_bytes(b"MATLAB")


def _several_formats(folder: Path) -> None:
    write("parquet", folder)
    write("csv", folder)


def _corrupt(folder: Path) -> None:
    write_parquet(folder / "all.parquet", [*(png(image) for image in pictures(19)), b"text"], [0, 1] * 10)


def _no_bytes(folder: Path) -> None:
    write_parquet(folder / "all.parquet", [*(png(image) for image in pictures(19)), None], [0, 1] * 10)


def _mixed_sizes(folder: Path) -> None:
    encoded: list[bytes | None] = [png(image) for side in (4, 8) for image in pictures(10, side)]
    write_parquet(folder / "all.parquet", encoded, [0, 1] * 10)


def _labels(*labels: object) -> Callable[[Path], None]:
    def fill(folder: Path) -> None:
        write_parquet(folder / "all.parquet", [png(image) for image in pictures(len(labels))], list(labels))

    return fill


def _one_class_folder(folder: Path) -> None:
    (folder / "cat").mkdir(parents=True)
    for row, image in enumerate(pictures(20)):
        (folder / "cat" / f"{row}.png").write_bytes(png(image))


def _image_outside(folder: Path) -> None:
    write("image_folder", folder)
    (folder / "stray.png").write_bytes(png(pictures(1)[0]))


def _truncated(folder: Path) -> None:
    write("parquet", folder)
    path = folder / "part-1.parquet"
    path.write_bytes(path.read_bytes()[:-9])


def _columns(**columns: list[object]) -> Callable[[Path], None]:
    def fill(folder: Path) -> None:
        folder.mkdir()
        pq.write_table(pa.table(columns), folder / "all.parquet")

    return fill


def _csv(*lines: str) -> Callable[[Path], None]:
    def fill(folder: Path) -> None:
        folder.mkdir()
        (folder / "all.csv").write_text("\n".join(lines) + "\n")

    return fill


def _bytes(name: str, data: bytes) -> Callable[[Path], None]:
    def fill(folder: Path) -> None:
        folder.mkdir()
        (folder / name).write_bytes(data)

    return fill


def _path_out(folder: Path) -> None:
    folder.mkdir()
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    cells = pa.array([{"bytes": None, "path": "../../secret.png"}] * 20, kind)
    pq.write_table(pa.table({"image": cells, "label": [0, 1] * 10}), folder / "all.parquet")


def _link_out(folder: Path) -> None:
    write("image_folder", folder)
    (folder.parent / "secret.png").write_bytes(png(pictures(1)[0]))
    (folder / "0" / "link.png").symlink_to(folder.parent / "secret.png")


def _folder_link_out(folder: Path) -> None:
    write("image_folder", folder)
    (folder.parent / "secrets").mkdir()
    (folder / "2").symlink_to(folder.parent / "secrets")


def _double_names(folder: Path) -> None:
    write("parquet", folder)
    (folder / "classes.txt").write_text("cat\ncat\n")


@pytest.mark.parametrize(
    ("fill", "given", "what", "got"),
    [
        (_absent, {}, "finds no source at", "nothing there"),
        (_empty, {}, "finds nothing in", "none"),
        (_unknown_format, {}, "finds no file that it can read", "data.mat"),
        (_several_formats, {}, "finds several formats", "2 of parquet, such as part-0.parquet, 1 of csv"),
        (_one_class_folder, {"format": "csv"}, "finds no file that it can read", "cat/0.png"),
        (_corrupt, {}, "meets corrupt images", "of 20 images 1: all.parquet:19 (4 bytes that are no image)"),
        (_no_bytes, {}, "meets corrupt images", "all.parquet:19 (no such file)"),
        (_mixed_sizes, {}, "images of several shapes", "of 20 images 10: all.parquet:10 (8x8x1)"),
        (_labels(*[0, 1] * 9, 0, 2), {"classes": ("a", "b")}, "a label that is no class", "2 (all.parquet:19)"),
        (_labels(*["a", "b"] * 9, "c"), {"classes": ("a", "b")}, "a label that is no class", "'c' (all.parquet:18)"),
        (_labels(*[0, 1] * 9, None), {}, "a row without a label", "all.parquet:18"),
        (_labels(*[1] * 20), {}, "one class only", "only 1"),
        (_one_class_folder, {}, "one class only", "only cat"),
        (_labels(), {}, "cannot take the column label", "null"),
        (_labels(*[0.5, 1.5] * 10), {}, "cannot take the labels", "0.5"),
        (_image_outside, {}, "cannot tell the class of every image", "stray.png"),
        (_truncated, {}, "cannot read part-1.parquet", "Parquet magic bytes not found"),
        (_columns(image=[b""], size=[[1]]), {}, "misses label in", "image, size (list<"),
        (_columns(pixels=["text"], label=[1]), {}, "misses image in", "pixels (string), label (int64)"),
        (_columns(image=["text"], label=[1]), {}, "cannot take the column image", "string"),
        (_csv("label,a,b,c,d", *["0,1,2,3,4", "1,5,6,7,x"] * 10), {}, "cannot read all.csv", "'x'"),
        (_csv("label,a,b,c,d", *["0,1,2,3,4", "1,5,6,7,256"] * 10), {}, "the range of the pixels", "1 to 256"),
        (_csv("label,a,b,c,d", *["0,1,2,3,4", "1,5,6,7,"] * 10), {}, "cannot read all.csv", "''"),
        (_csv("label,a,b,c,d", *["0,1,2,3,4", "1,5,6,7"] * 10), {}, "cannot read all.csv", "Expected 5 columns, got 4"),
        (_csv("kind,a,b,c,d", *["0,1,2,3,4", "1,5,6,7,8"] * 10), {}, "misses a column of labels", "kind, a, b, c, d"),
        (_csv("label,a,b,c", *["0,1,2,3", "1,5,6,7"] * 10), {}, "cannot tell the shape", "3 pixel columns"),
        (_bytes("all.csv", b"\xff\xfe\x00"), {}, "cannot read all.csv", "UTF-16"),
        (_bytes("all.csv", b"label,p\xe9\n"), {}, "cannot read all.csv", "'utf-8' codec"),
        (_bytes("all.csv.gz", b"no gzip"), {}, "cannot read all.csv.gz", "Not a gzipped file"),
        (_bytes("all.csv", b""), {}, "misses a column of labels", "an empty file"),
        (_bytes("all.parquet", b""), {}, "cannot read all.parquet", "Parquet file size is 0 bytes"),
        (_csv("label,a,b,c,d"), {}, "finds no images", "0 rows"),
        (_path_out, {}, "does not leave the source", "../../secret.png"),
        (_link_out, {}, "does not leave the source", "0/link.png"),
        (_folder_link_out, {}, "does not leave the source", "2"),
        (_double_names, {}, "cannot use classes.txt", "cat"),
        (_labels(0, 1), {}, "cannot fill every split", "2 in train, 0 in validation, 0 in test"),
    ],
)
def test_a_source_that_cannot_be_used_is_refused(
    context: Context,
    tmp_path: Path,
    *,
    fill: Callable[[Path], None],
    given: dict[str, object],
    what: str,
    got: str,
):
    """Every fault is refused with what was met; no data set is made."""
    fill(tmp_path / "source")

    with pytest.raises(Refused) as refusal:
        run(context, tmp_path / "source", **given)

    problem = refusal.value.problems[0]
    assert what in problem.what
    assert got in problem.got
    assert problem.expected
    assert problem.fix


def test_corrupt_and_misfit_images_are_told_at_once(context: Context, tmp_path: Path):
    """Two kinds of faults are two problems of one refusal."""
    encoded: list[bytes | None] = [b"text", *(png(image) for side in (4, 8) for image in pictures(10, side))]
    write_parquet(tmp_path / "all.parquet", encoded, [0, 1] * 10 + [0])

    with pytest.raises(Refused) as refusal:
        run(context, tmp_path)

    assert [problem.what for problem in refusal.value.problems] == [
        "preprocess meets corrupt images",
        "preprocess meets images of several shapes",
    ]


def test_a_split_that_corrupt_images_emptied_is_refused(context: Context, tmp_path: Path):
    """Even where half of the images may be corrupt, test must keep one."""
    write_parquet(tmp_path / "train.parquet", [png(image) for image in pictures(20)], [0, 1] * 10)
    write_parquet(tmp_path / "test.parquet", [b"text"] * 4, [0, 1] * 2)

    with pytest.raises(Refused) as refusal:
        run(context, tmp_path, max_corrupt_fraction=0.5)

    assert refusal.value.problems[0].what == "preprocess is left with no example in test"


PEAK = """
import sys
from pathlib import Path
from featherline.tasks.running.context import Context
from featherline.tasks.contracts.steps.preprocess import PreprocessInputs, PreprocessParams
from featherline.tasks.steps.preprocess import preprocess
from featherline.tasks.store.artifacts import open_store

def peak_bytes():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))

before = peak_bytes()
params = PreprocessParams(name="large", source=sys.argv[1], image_size=(64, 64))
preprocess(PreprocessInputs(), params, Context(open_store(sys.argv[2])))
print(peak_bytes() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_does_not_grow_with_the_source(tmp_path: Path):
    """A row group of 260 MiB needs less memory than itself, over what the program needs."""
    noise = np.random.default_rng(0).integers(0, 256, (1100, 1024, 3), np.uint8)
    encoded: list[bytes | None] = []
    for row in range(350):
        buffer = io.BytesIO()
        Image.fromarray(noise[row % 500 : row % 500 + 512, row % 500 : row % 500 + 512]).save(buffer, "BMP")
        encoded.append(buffer.getvalue())
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    cells = pa.array([{"bytes": image, "path": None} for image in encoded], kind)
    table = pa.table({"image": cells, "label": [row % 2 for row in range(350)]})
    path = tmp_path / "source" / "all.parquet"
    path.parent.mkdir()
    pq.write_table(table, path, use_dictionary=False, write_batch_size=16)
    size_bytes = path.stat().st_size

    done = subprocess.run(
        [sys.executable, "-c", PEAK, str(path.parent), str(tmp_path / "store")],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
    )

    assert pq.ParquetFile(path).metadata.num_row_groups == 1
    assert size_bytes > 260 * 2**20
    assert int(done.stdout.splitlines()[-1]) < size_bytes


@pytest.mark.shared_data
@pytest.mark.skipif(not (SHARED / "cifar10").is_dir(), reason=f"no data sets at {SHARED}; set FEATHERLINE_TEST_DATA")
def test_real_photos_are_read(context: Context):
    """Of CIFAR-10, 300 images a split: 32x32 RGB, ten classes by name, the set's own test split."""
    dataset = run(context, SHARED / "cifar10", limit=300, calibration_count=50)

    assert dataset.input_shape == (32, 32, 3)
    assert dataset.vocabulary[:2] == ("airplane", "automobile")
    assert dataset.splits["test"].strata == (30,) * 10
    assert 0.4 < dataset.inputs["image"].statistics.mean[0] < 0.6
