"""A user's file or folder, from this machine or from S3, as a path of this machine."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.networks.foreign.hdf5 import MOST_BYTES as MOST_WEIGHTS_BYTES
from featherline.tasks.store.blobs import S3Blobs

MOST_BYTES = 2 * MOST_WEIGHTS_BYTES
"""Of a file or folder: its weights, and once more for what an optimizer keeps."""
MOST_FILES = 1_000


@contextmanager
def fetched(source: str) -> Iterator[Path]:
    """Give the file or folder at `source` for as long as the block runs.

    Args:
        source: A path of this machine, or `s3://bucket/key` of a file or of everything below it.

    Raises:
        Refused: Nothing is there, or a key would leave its folder.
    """
    if not source.startswith("s3://"):
        path = Path(source)
        if not path.exists():
            raise _absent(source)
        yield path
        return
    parent, _, name = source.rstrip("/").rpartition("/")
    with tempfile.TemporaryDirectory(prefix="featherline-") as folder:
        if parent.startswith("s3://"):
            path = Path(folder, name)
            blobs = S3Blobs(parent)
            _check_size(source, blobs.size(name) or 0)
            if not blobs.download(name, path):
                _download_below(S3Blobs(source), path)
            if path.exists():
                yield path
                return
        raise _absent(source)


def _check_size(source: str, size: int, files: int = 1) -> None:
    """Refuse what is larger than a model before it is on this machine's disk."""
    if size > MOST_BYTES or files > MOST_FILES:
        raise refuse(
            f"the model at {source} is not read",
            expected=f"at most {MOST_BYTES // 2**30} GiB in {MOST_FILES:,} files",
            got=f"{size:,} bytes in {files:,} files or more",
            fix="name the model alone, not a folder around it, and save it without its optimizer",
        )


def _download_below(blobs: S3Blobs, folder: Path) -> None:
    size = 0
    for count, key in enumerate(blobs.keys(""), 1):
        size += blobs.size(key) or 0
        _check_size(blobs.uri, size, count)
        parts = PurePosixPath(key)
        if parts.is_absolute() or ".." in parts.parts:
            raise refuse(
                f"the model at {blobs.uri} is not read",
                expected="keys that stay inside their folder",
                got=key,
                fix="upload the folder again, with plain names",
            )
        if key and not key.endswith("/"):
            target = folder / parts
            target.parent.mkdir(parents=True, exist_ok=True)
            blobs.download(key, target)


def _absent(source: str) -> Exception:
    return refuse(
        f"there is no model at {source}",
        expected="a .keras or .h5 file, or a SavedModel folder (model.file)",
        got="nothing",
        fix="correct the path, or put the file there",
    )
