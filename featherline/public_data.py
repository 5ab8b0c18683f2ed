"""Bring a public data set from its home into a folder or S3, in the form that `preprocess` reads.

    home ──► archive, checksum ──► images, re-encoded as PNG ──► train.parquet, test.parquet, classes.txt

    featherline data cifar10 data/cifar10
    featherline data fashion-mnist s3://bucket/fashion-mnist

`classes.txt` is written last, so what has it is whole, and is not brought again. An interrupted download goes on where
it stopped. The readers and the download are tested on small archives of the same format from a local server; the
download from the homes themselves was not run. CIFAR-10 is its binary version: the other one holds pickles.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from featherline.public_archives import Sample, cifar10, idx
from featherline.stack.turns import the_only
from featherline.tasks.contracts.refusal import Refused, did_you_mean, refuse
from featherline.tasks.store.blobs import Blobs, open_blobs

CHUNK_BYTES = 2**20
ROW_GROUP = 5_000
TIMEOUT_S = 60
TELL_BYTES = 16 * 2**20
DOWNLOADS = ".downloads"
"""In the destination: an interrupted download goes on there, so two must not write into it at once."""

SCHEMA = pa.schema([("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])), ("label", pa.int64())])


@dataclass(frozen=True)
class Archive:
    """A file at its home, with the checksum that its home publishes."""

    url: str
    md5: str

    @property
    def name(self) -> str:
        """Return the file's name."""
        return PurePosixPath(self.url).name


@dataclass(frozen=True)
class PublicSet:
    """A data set: where it is, what its classes are called, and how its archives are read.

    Attributes:
        archives: To download.
        classes: In label order.
        read: From the archives' paths, in their order, and `train` or `test` to the images of that split.
    """

    archives: tuple[Archive, ...]
    classes: tuple[str, ...]
    read: Callable[[list[Path], str], Iterator[Sample]]


def _read_cifar10(paths: list[Path], split: str) -> Iterator[Sample]:
    return cifar10(paths[0], split)


def _read_idx(paths: list[Path], split: str) -> Iterator[Sample]:
    return idx(*(paths[:2] if split == "train" else paths[2:]))


FASHION_HOME = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"

SETS = {
    "cifar10": PublicSet(
        (
            Archive(
                "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
                "c32a1d4ab5d03f1284b67883e8d87530",
            ),
        ),
        ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
        _read_cifar10,
    ),
    "fashion-mnist": PublicSet(
        (
            Archive(f"{FASHION_HOME}/train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
            Archive(f"{FASHION_HOME}/train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
            Archive(f"{FASHION_HOME}/t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
            Archive(f"{FASHION_HOME}/t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
        ),
        (
            "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
            "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
        ),
        _read_idx,
    ),
}  # fmt: skip


def fetch(name: str, destination: str) -> None:
    """Bring the data set `name` to a folder or `s3://bucket/prefix`.

    Raises:
        Refused: There is no such set, its home is out of reach, or what came is not what its home publishes.
    """
    if name not in SETS:
        raise refuse(
            f"featherline data knows no data set {name}",
            expected=" or ".join(sorted(SETS)),
            got=name,
            fix=did_you_mean(name, SETS),
        )
    bring(SETS[name], destination)


def bring(public: PublicSet, destination: str) -> None:
    """Download, check, convert and store a data set. Raises `Refused` as `fetch` does."""
    target = open_blobs(destination)
    if target.size("classes.txt") is not None:
        print(f"{destination} is whole already: it has classes.txt")
        return
    if "://" in destination:  # its downloads lie in a folder of their own
        _bring(public, destination, target)
        return
    with the_only(Path(destination, DOWNLOADS), f"featherline data into {destination}", "name another folder"):
        _bring(public, destination, target)


def _bring(public: PublicSet, destination: str, target: Blobs) -> None:
    with tempfile.TemporaryDirectory(prefix="featherline-") as folder:
        downloads = Path(folder, "downloads") if destination.startswith("s3://") else Path(destination, DOWNLOADS)
        paths = [download(archive, downloads) for archive in public.archives]
        for split in ("train", "test"):
            _store_split(public.read(paths, split), Path(folder, f"{split}.parquet"), target, len(public.classes))
        target.replace("classes.txt", "".join(f"{name}\n" for name in public.classes).encode())
        shutil.rmtree(downloads)
    print(f"{destination} is whole: give it as data.source")


def download(archive: Archive, folder: Path) -> Path:
    """Download an archive into `folder`, going on with a part that is there, and check it.

    Raises:
        Refused: Its home is out of reach, or the checksum is another; the part is then removed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path, part = folder / archive.name, folder / f"{archive.name}.part"
    if not path.exists():
        _download(archive.url, part)
        part.replace(path)
    with path.open("rb") as file:
        md5 = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if md5 != archive.md5:
        path.unlink()
        raise refuse(
            f"featherline data does not trust {archive.name}",
            expected=f"the MD5 checksum {archive.md5}, which its home publishes",
            got=md5,
            fix="run the command again; the file was removed",
        )
    return path


def _download(url: str, part: Path) -> None:
    """Download to `part`, from where it stands. Raises `Refused`; what came so far stays."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})  # noqa: S310 - our own URLs
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - the same
            goes_on = answer.status == HTTPStatus.PARTIAL_CONTENT
            done = have if goes_on else 0
            total = done + int(answer.headers.get("Content-Length", 0))
            with part.open("ab" if goes_on else "wb") as file:
                while chunk := answer.read(CHUNK_BYTES):
                    file.write(chunk)
                    done += len(chunk)
                    if done % TELL_BYTES < len(chunk) or done == total:
                        print(f"{part.stem}: {done / 2**20:.0f} of {total / 2**20:.0f} MiB")
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        if isinstance(error, urllib.error.HTTPError) and error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # the part was whole already
        raise _cut_off(url, str(error)) from error
    if done < total:
        raise _cut_off(url, f"{done} of {total} bytes")


def _cut_off(url: str, got: str) -> Refused:
    return refuse(
        f"featherline data cannot reach {url}",
        expected="the whole file from the data set's home",
        got=got,
        fix="look after the network or the proxy (HTTPS_PROXY), and run it again: what came so far is kept",
    )


def _store_split(samples: Iterator[Sample], path: Path, target: Blobs, classes: int) -> None:
    """Write a split as parquet and store it; PNG loses nothing."""
    count = 0
    with pq.ParquetWriter(path, SCHEMA) as writer:
        while rows := list(islice(samples, ROW_GROUP)):
            cells = [_row(pixels, label, classes, path.stem) for pixels, label in rows]
            writer.write_table(pa.Table.from_pylist(cells, schema=SCHEMA))
            count += len(rows)
            print(f"{path.name}: {count:,} images")
    target.upload(path.name, path)


def _row(pixels: Any, label: int, classes: int, split: str) -> dict[str, Any]:  # noqa: ANN401 - an array
    if label >= classes:
        raise refuse(
            f"featherline data meets a label that is no class in {split}",
            expected=f"0 to {classes - 1}",
            got=str(label),
            fix="download the archive again",
        )
    buffer = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(buffer, "PNG")
    return {"image": {"bytes": buffer.getvalue(), "path": None}, "label": label}
