"""Reading the archives of public data sets as their homes publish them. Nothing in them is unpickled or unpacked.

cifar-10-binary.tar.gz       records of 1 label byte and 3 planes of 32x32 bytes, red, green, blue
*-idx3-ubyte.gz, *-idx1-…    a big-endian head (magic, sizes), then bytes
"""

from __future__ import annotations

import gzip
import math
import re
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.refusal import Refused, examples, refuse
from featherline.tasks.data.sources.place import leads_out

Sample = tuple[NDArray[np.uint8], int]
"""Pixels (height, width, channels) and a label."""

CIFAR_SHAPE = (3, 32, 32)
CIFAR_RECORD_BYTES = 1 + math.prod(CIFAR_SHAPE)
CIFAR_BATCH = {"train": re.compile(r"data_batch_\d+\.bin"), "test": re.compile(r"test_batch\.bin")}
LARGEST_BATCH_BYTES = 100 * 2**20
"""The real ones have 30,730,000; a gzip bomb has more."""

LARGEST_IMAGE_PIXELS = 1_000_000

IDX_BYTES = 0x08
"""The third byte of an IDX head: unsigned bytes follow."""


def cifar10(archive: Path, split: str) -> Iterator[Sample]:
    """Yield the images of a split of CIFAR-10's binary archive, 32x32x3, batch by batch.

    Raises:
        Refused: The archive cannot be read, a member's name leads out of it, or a batch has another size than whole
            records.

    Source: https://www.cs.toronto.edu/~kriz/cifar.html, "Binary version".
    """
    count = 0
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                if leads_out(member.name) or not (member.isfile() or member.isdir()):
                    raise _refused(archive, "files below the archive's own folder", examples([member.name]))
                if member.isfile() and CIFAR_BATCH[split].fullmatch(Path(member.name).name):
                    count += 1
                    yield from _cifar_batch(archive, tar, member)
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise _refused(archive, "a whole .tar.gz", str(error)) from error
    if count == 0:
        raise _refused(archive, f"batches of the {split} split ({CIFAR_BATCH[split].pattern})", "none")


def _cifar_batch(archive: Path, tar: tarfile.TarFile, member: tarfile.TarInfo) -> Iterator[Sample]:
    file = tar.extractfile(member)
    if file is None or member.size == 0 or member.size % CIFAR_RECORD_BYTES or member.size > LARGEST_BATCH_BYTES:
        raise _refused(
            archive,
            f"records of {CIFAR_RECORD_BYTES} bytes, at most {LARGEST_BATCH_BYTES} in all",
            f"{member.size} bytes in {member.name}",
        )
    for record in np.frombuffer(file.read(), np.uint8).reshape(-1, CIFAR_RECORD_BYTES):
        yield record[1:].reshape(CIFAR_SHAPE).transpose(1, 2, 0), int(record[0])


def idx(images: Path, labels: Path) -> Iterator[Sample]:
    """Yield the images (height, width, 1) of a pair of gzipped IDX files.

    Raises:
        Refused: A file cannot be read, its head is another, it is shorter or longer than its head says, or the two have
            different counts.

    Source: LeCun, "The MNIST database", section FILE FORMATS; https://github.com/zalandoresearch/fashion-mnist.
    """
    with gzip.open(images) as image_file, gzip.open(labels) as label_file:
        count, height, width = _head(images, image_file, 3)
        (label_count,) = _head(labels, label_file, 1)
        if count != label_count:
            raise _refused(images, f"as many images as there are labels, {label_count}", str(count))
        if height * width > LARGEST_IMAGE_PIXELS:
            raise _refused(images, f"at most {LARGEST_IMAGE_PIXELS} pixels an image", f"{height}x{width}")
        for _ in range(count):
            pixels = np.frombuffer(_take(images, image_file, height * width), np.uint8)
            yield pixels.reshape(height, width, 1), _take(labels, label_file, 1)[0]
        for path, file in ((images, image_file), (labels, label_file)):
            if _read(path, file, 1):
                raise _refused(path, "as many bytes as its head says", "more")


def _head(path: Path, file: gzip.GzipFile, dimensions: int) -> tuple[int, ...]:
    """Return the sizes that an IDX file names."""
    magic = _take(path, file, 4)
    if magic != bytes([0, 0, IDX_BYTES, dimensions]):
        raise _refused(path, f"an IDX head of bytes in {dimensions} dimensions", magic.hex())
    return tuple(int.from_bytes(_take(path, file, 4), "big") for _ in range(dimensions))


def _take(path: Path, file: gzip.GzipFile, count: int) -> bytes:
    data = _read(path, file, count)
    if len(data) < count:
        raise _refused(path, "as many bytes as its head says", "fewer")
    return data


def _read(path: Path, file: gzip.GzipFile, count: int) -> bytes:
    try:
        return file.read(count)
    except (OSError, EOFError, zlib.error) as error:
        raise _refused(path, "a whole gzip file", str(error)) from error


def _refused(archive: Path, expected: str, got: str) -> Refused:
    return refuse(
        f"featherline data cannot read {archive.name}",
        expected=expected,
        got=got,
        fix="download it again; where that does not help, its home has changed the format",
    )
