"""Public data sets come from a home (here a local server), are checked, and end as what `preprocess` reads.

The archives are small ones of the same format, written here; the real homes are not asked.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from PIL import Image

from featherline import public_archives
from featherline.public_data import SETS, Archive, PublicSet, bring, download, fetch
from featherline.stack.turns import the_only
from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.steps.preprocess import PreprocessInputs, PreprocessParams
from featherline.tasks.data.dataset import read_split
from featherline.tasks.running.context import Context
from featherline.tasks.steps.preprocess import preprocess
from featherline.tasks.store.artifacts import open_store
from featherline.tasks.store.blobs import open_blobs

if TYPE_CHECKING:
    from featherline.stack.s3_server import S3Server


class Home(ThreadingHTTPServer):
    """A server of files in memory that knows ranges, and remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.files: dict[str, bytes] = {}
        self.ranges: list[str | None] = []
        self.cut_to: int | None = None

    def archive(self, name: str, data: bytes) -> Archive:
        """Serve a file, and say where it is and what it must hash to."""
        self.files[f"/{name}"] = data
        md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
        return Archive(f"http://127.0.0.1:{self.server_port}/{name}", md5)


class _Answers(BaseHTTPRequestHandler):
    server: Home

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.ranges.append(wanted)
        data = self.server.files[self.path]
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        if wanted and start >= len(data):
            self.send_error(416)
            return
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        self.wfile.write(data[start : self.server.cut_to])

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
        pass


@pytest.fixture
def home() -> Iterator[Home]:
    """Give a running home."""
    server = Home()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def cifar_batch(labels: list[int]) -> tuple[bytes, NDArray[np.uint8]]:
    """Return a batch in CIFAR-10's binary format, and its images (n, 32, 32, 3)."""
    images = np.random.default_rng(len(labels)).integers(0, 256, (len(labels), 32, 32, 3), np.uint8)
    records = [bytes([label]) + image.transpose(2, 0, 1).tobytes() for label, image in zip(labels, images, strict=True)]
    return b"".join(records), images


def tar_gz(files: dict[str, bytes]) -> bytes:
    """Return a .tar.gz of these files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def idx_gz(array: NDArray[np.uint8]) -> bytes:
    """Return an array as a gzipped IDX file."""
    head = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    return gzip.compress(head + array.tobytes())


def pixels_of(path: Path) -> NDArray[np.uint8]:
    """Return the images of a parquet file."""
    rows = pq.read_table(path).to_pylist()
    return np.stack([np.asarray(Image.open(io.BytesIO(row["image"]["bytes"]))) for row in rows])


def small_cifar(home: Home) -> tuple[PublicSet, NDArray[np.uint8]]:
    """Return a CIFAR-10 of 40 training images, in two batches, and 10 test images; and its training images."""
    first, images = cifar_batch([0, 1] * 15)
    second, more = cifar_batch([0, 1] * 5)
    test, _ = cifar_batch([1, 0] * 4)
    root = "cifar-10-batches-bin"
    data = tar_gz(
        {
            f"{root}/data_batch_1.bin": first,
            f"{root}/data_batch_2.bin": second,
            f"{root}/readme.html": b"<p>",
            f"{root}/test_batch.bin": test,
        }
    )
    public = PublicSet((home.archive("cifar.tar.gz", data),), ("airplane", "automobile"), SETS["cifar10"].read)
    return public, np.concatenate([images, more])


def small_fashion(home: Home) -> tuple[PublicSet, NDArray[np.uint8]]:
    """Return a Fashion-MNIST of 6 and 4 images, and its training images."""
    images = np.random.default_rng(0).integers(0, 256, (10, 28, 28), np.uint8)
    labels = np.arange(10, dtype=np.uint8) % 2
    archives = (
        home.archive("train-images.gz", idx_gz(images[:6])),
        home.archive("train-labels.gz", idx_gz(labels[:6])),
        home.archive("t10k-images.gz", idx_gz(images[6:])),
        home.archive("t10k-labels.gz", idx_gz(labels[6:])),
    )
    return PublicSet(archives, ("T-shirt/top", "Trouser"), SETS["fashion-mnist"].read), images[:6]


def test_cifar10_becomes_parquet(home: Home, tmp_path: Path):
    """Planes become pixels, batches are joined in order, and PNG loses nothing."""
    public, images = small_cifar(home)

    bring(public, str(tmp_path / "cifar10"))

    assert np.array_equal(pixels_of(tmp_path / "cifar10/train.parquet"), images)
    assert pq.read_table(tmp_path / "cifar10/train.parquet")["label"].to_pylist() == [0, 1] * 20
    assert pq.read_table(tmp_path / "cifar10/test.parquet")["label"].to_pylist() == [1, 0] * 4
    assert (tmp_path / "cifar10/classes.txt").read_text() == "airplane\nautomobile\n"


def test_fashion_mnist_becomes_parquet(home: Home, tmp_path: Path):
    """Images and labels of two IDX files come together."""
    public, images = small_fashion(home)

    bring(public, str(tmp_path))

    assert np.array_equal(pixels_of(tmp_path / "train.parquet"), images)
    assert pq.read_table(tmp_path / "train.parquet")["label"].to_pylist() == [0, 1, 0, 1, 0, 1]
    assert pq.read_table(tmp_path / "test.parquet").num_rows == 4


def test_what_was_brought_can_be_preprocessed(home: Home, tmp_path: Path):
    """`preprocess` takes the folder as it is: names, splits, pixels."""
    context = Context(open_store(str(tmp_path / "store")))
    public, images = small_cifar(home)
    bring(public, str(tmp_path / "cifar10"))

    params = PreprocessParams(name="small", source=str(tmp_path / "cifar10"), calibration_count=4)
    outputs = preprocess(PreprocessInputs(), params, context)

    dataset = context.store.read(outputs.data, Dataset)
    train = read_split(context.store, dataset, "train")[0]["image"]
    assert dataset.vocabulary == ("airplane", "automobile")
    assert dataset.input_shape == (32, 32, 3)
    assert {image.tobytes() for image in train} <= {image.tobytes() for image in images}


def test_a_bucket_is_a_destination_too(home: Home, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch):
    """The three files lie below the prefix, and nothing else."""
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)

    bring(small_fashion(home)[0], "s3://featherline/public")

    assert list(open_blobs("s3://featherline/public").keys("")) == ["classes.txt", "test.parquet", "train.parquet"]


def test_downloads_leave_nothing_behind(home: Home, tmp_path: Path):
    """The folder holds the three files alone."""
    bring(small_cifar(home)[0], str(tmp_path))

    assert sorted(path.name for path in tmp_path.iterdir()) == ["classes.txt", "test.parquet", "train.parquet"]


def test_a_whole_set_is_not_brought_again(home: Home, tmp_path: Path):
    """With classes.txt in place the home is not asked."""
    public, _ = small_cifar(home)
    bring(public, str(tmp_path))

    bring(public, str(tmp_path))

    assert home.ranges == [None]


def test_two_at_once_do_not_write_into_one_download(home: Home, tmp_path: Path):
    """The second is refused, and told who the first one is."""
    public, _ = small_cifar(home)

    with the_only(tmp_path / ".downloads", "featherline data", ""), pytest.raises(Refused) as refused:
        bring(public, str(tmp_path))

    (problem,) = refused.value.problems
    assert problem.what == f"another featherline data into {tmp_path} is under way"
    assert home.ranges == []
    bring(public, str(tmp_path))


def test_an_interrupted_download_goes_on(home: Home, tmp_path: Path):
    """A part of 10 bytes is kept, and only the rest is asked for."""
    archive = home.archive("file.bin", bytes(range(100)))
    home.cut_to = 10
    with pytest.raises(Refused):
        download(archive, tmp_path)
    home.cut_to = None

    path = download(archive, tmp_path)

    assert path.read_bytes() == bytes(range(100))
    assert home.ranges == [None, "bytes=10-"]


def test_a_whole_part_is_taken(home: Home, tmp_path: Path):
    """A part that was whole when the program was killed needs no more bytes."""
    archive = home.archive("file.bin", b"0123456789")
    (tmp_path / "file.bin.part").write_bytes(b"0123456789")

    assert download(archive, tmp_path).read_bytes() == b"0123456789"


def test_another_checksum_is_refused_and_removed(home: Home, tmp_path: Path):
    """What is not what the home publishes is not used and not kept."""
    archive = Archive(home.archive("file.bin", b"something else").url, "0" * 32)

    with pytest.raises(Refused) as refusal:
        download(archive, tmp_path)

    assert refusal.value.problems[0].expected == f"the MD5 checksum {'0' * 32}, which its home publishes"
    assert list(tmp_path.iterdir()) == []


def test_a_home_out_of_reach_is_refused(tmp_path: Path):
    """Nothing listens on port 9."""
    with pytest.raises(Refused) as refusal:
        download(Archive("http://127.0.0.1:9/file.bin", "0" * 32), tmp_path)

    assert "cannot reach http://127.0.0.1:9/file.bin" in refusal.value.problems[0].what


def test_an_unknown_set_is_refused(tmp_path: Path):
    """A near name is offered."""
    with pytest.raises(Refused) as refusal:
        fetch("cifar-10", str(tmp_path))

    assert refusal.value.problems[0].fix == "did you mean cifar10?"


BATCH, _ = cifar_batch([0, 1])
ROOT = "cifar-10-batches-bin"


@pytest.mark.parametrize(
    ("data", "got"),
    [
        (tar_gz({"../outside.bin": b"", f"{ROOT}/data_batch_1.bin": BATCH}), "../outside.bin"),
        (tar_gz({"/etc/outside.bin": b""}), "/etc/outside.bin"),
        (tar_gz({f"{ROOT}/data_batch_1.bin": BATCH[:-1]}), f"6145 bytes in {ROOT}/data_batch_1.bin"),
        (tar_gz({f"{ROOT}/data_batch_1.bin": b""}), f"0 bytes in {ROOT}/data_batch_1.bin"),
        (tar_gz({f"{ROOT}/test_batch.bin": BATCH}), "none"),
        (b"no archive", "not a gzip file"),
    ],
    ids=["escape", "absolute", "half a record", "empty", "no batch", "no archive"],
)
def test_a_bad_cifar_archive_is_refused(tmp_path: Path, data: bytes, got: str):
    """Each fault is named by what was met."""
    path = tmp_path / "cifar.tar.gz"
    path.write_bytes(data)

    with pytest.raises(Refused) as refusal:
        list(public_archives.cifar10(path, "train"))

    assert refusal.value.problems[0].got == got


def test_a_link_in_an_archive_is_refused(tmp_path: Path):
    """A link could lead anywhere."""
    path = tmp_path / "cifar.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        link = tarfile.TarInfo(f"{ROOT}/data_batch_1.bin")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)

    with pytest.raises(Refused):
        list(public_archives.cifar10(path, "train"))


IMAGES = np.zeros((2, 3, 3), np.uint8)
LABELS = np.zeros(2, np.uint8)


@pytest.mark.parametrize(
    ("images", "labels", "expected"),
    [
        (idx_gz(IMAGES), idx_gz(LABELS[:1]), "as many images as there are labels, 1"),
        (idx_gz(LABELS), idx_gz(LABELS), "an IDX head of bytes in 3 dimensions"),
        (gzip.compress(gzip.decompress(idx_gz(IMAGES))[:-1]), idx_gz(LABELS), "as many bytes as its head says"),
        (gzip.compress(gzip.decompress(idx_gz(IMAGES)) + b"\0"), idx_gz(LABELS), "as many bytes as its head says"),
        (idx_gz(IMAGES)[:-9], idx_gz(LABELS), "a whole gzip file"),
        (b"no gzip", idx_gz(LABELS), "a whole gzip file"),
    ],
    ids=["counts differ", "another head", "too short", "too long", "truncated", "no gzip"],
)
def test_a_bad_idx_file_is_refused(tmp_path: Path, images: bytes, labels: bytes, expected: str):
    """Each fault is named by the rule that it broke."""
    (tmp_path / "images.gz").write_bytes(images)
    (tmp_path / "labels.gz").write_bytes(labels)

    with pytest.raises(Refused) as refusal:
        list(public_archives.idx(tmp_path / "images.gz", tmp_path / "labels.gz"))

    assert refusal.value.problems[0].expected == expected


def test_a_label_outside_the_classes_is_refused(home: Home, tmp_path: Path):
    """A label of 2 of 2 classes is not written, and the set is not whole."""
    data, _ = cifar_batch([0, 2])
    archive = home.archive("cifar.tar.gz", tar_gz({f"{ROOT}/data_batch_1.bin": data, f"{ROOT}/test_batch.bin": data}))

    with pytest.raises(Refused):
        bring(PublicSet((archive,), ("a", "b"), SETS["cifar10"].read), str(tmp_path))

    assert not (tmp_path / "classes.txt").exists()
