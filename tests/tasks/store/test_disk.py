"""Disks that are full, of a size, and files that may not grow: real ones."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from featherline.stack.s3_server import S3Server
from featherline.tasks.contracts.references import PageRef
from featherline.tasks.contracts.refusal import OutOfReach
from featherline.tasks.running.memory import out_of_memory
from featherline.tasks.store.artifacts import Store
from featherline.tasks.store.blob_folder import FolderBlobs
from featherline.tasks.store.disk import in_chain
from featherline.tasks.store.local_cache import ArtifactCache, CachedS3Blobs

MIB = 2**20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a disk of one MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("nobody lets us mount a disk here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def parts(folder: Path) -> list[Path]:
    """Return what was not finished."""
    return list(folder.rglob(".part-*"))


def test_a_full_disk_is_refused_with_its_bytes(small_disk: Path, tmp_path: Path) -> None:
    """Every write names the place, what it needs and what is free; what was there before stays, and nothing half."""
    blobs = FolderBlobs(small_disk / "store")
    blobs.replace("kept", b"1")
    source = tmp_path / "large"
    source.write_bytes(bytes(2 * MIB))

    for write in (
        lambda: blobs.replace("kept", bytes(2 * MIB)),
        lambda: blobs.create("new", bytes(2 * MIB)),
        lambda: blobs.upload("new", source),
    ):
        with pytest.raises(OutOfReach) as refusal:
            write()
        problem = refusal.value.problems[0]
        assert "cannot be written: its disk is full" in problem.what
        assert problem.expected.startswith(f"{2 * MIB} bytes free for it on the disk of {small_disk}")
        assert 0 < int(problem.got.split()[0]) <= MIB
        assert parts(small_disk) == []
    assert blobs.read("kept") == b"1"
    assert list(blobs.keys("")) == ["kept"]


def test_a_full_disk_for_temporary_files_is_refused(
    small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An artifact that does not fit beside the step."""
    store = Store(FolderBlobs(tmp_path / "store"))
    ref = store.put_bytes(bytes(2 * MIB), PageRef)
    monkeypatch.setattr("tempfile.tempdir", str(small_disk))

    with pytest.raises(OutOfReach) as refusal, store.fetched(ref):
        pass

    assert str(small_disk) in refusal.value.problems[0].what
    assert f"{2 * MIB} bytes free" in refusal.value.problems[0].expected


def test_a_file_that_may_not_grow_is_refused(tmp_path: Path) -> None:
    """A limit on the size of files is one more way to be full."""
    blobs = FolderBlobs(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, before[1]))
    try:
        with pytest.raises(OutOfReach) as refusal:
            blobs.replace("key", bytes(2 * MIB))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert "the limit of a file's size" in refusal.value.problems[0].got
    assert parts(tmp_path) == []


def test_a_read_only_disk_is_refused(small_disk: Path) -> None:
    """It is said to be one, and reading goes on."""
    blobs = FolderBlobs(small_disk)
    blobs.replace("key", b"1")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)

    with pytest.raises(OutOfReach) as refusal:
        blobs.replace("key", b"2")

    assert "a read-only file system" in refusal.value.problems[0].got
    assert blobs.read("key") == b"1"


def test_what_a_killed_writer_left_goes_with_the_next_write(tmp_path: Path) -> None:
    """A kill -9 in the middle of a write leaves a part; the next process that writes there removes it."""
    program = (
        "import os, sys, pathlib\n"
        "from featherline.tasks.store.blob_folder import FolderBlobs\n"
        "blobs = FolderBlobs(pathlib.Path(sys.argv[1]))\n"
        "with blobs._part(blobs.folder / 'a' / 'key', 1) as (part, out):\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(parts(tmp_path)) == 1

    FolderBlobs(tmp_path).replace("a/other", b"1")

    assert parts(tmp_path) == []


def test_a_sweep_leaves_what_is_being_written(tmp_path: Path) -> None:
    """The part of a writer that lives is its own, whoever sweeps; those of dead ones go, wherever they lie."""
    one, other = FolderBlobs(tmp_path), FolderBlobs(tmp_path)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / ".part-dead").write_bytes(b"half")

    with one._part(tmp_path / "a" / "key", 1) as (part, out):
        other.sweep()
        other.replace("a/other", b"2")
        assert parts(tmp_path) == [part]
        out.write(b"1")
        part.replace(tmp_path / "a" / "key")

    assert one.read("a/key") == b"1"
    assert parts(tmp_path) == []


def test_a_download_into_the_cache_that_was_killed_goes(tmp_path: Path) -> None:
    """Its part has the name of what was downloaded, and goes when nobody holds that name's lock."""
    cache = ArtifactCache(tmp_path)
    (tmp_path / f".part-{'0' * 64}").mkdir()

    with cache.holding("1" * 64, lambda path: path.write_bytes(b"x") > 0):
        pass
    with cache.holding("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", lambda p: p.touch() is None):
        pass

    assert parts(tmp_path) == []


def wrapped(error: Exception) -> Exception:
    """Return an error of a library that another one brought about."""
    outer = RuntimeError("cannot save the model")
    outer.__cause__ = error
    return outer


class ResourceExhaustedError(Exception):
    """As TensorFlow calls it."""


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/a/file"),
        OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)),
        OSError("Can't write data (file write failed: errno = 28, error message = 'No space left on device')"),
        ResourceExhaustedError("variables.data; No space left on device"),
        RuntimeError("database or disk is full"),
    ],
    ids=["full", "quota", "h5py", "TensorFlow", "SQLite"],
)
def test_a_full_disk_is_found_behind_any_error(error: Exception) -> None:
    """Whatever library met it, and however it put it; nor is it taken for memory."""
    assert in_chain(wrapped(error)) is not None
    assert out_of_memory(wrapped(error)) is None


def _array() -> Exception:
    try:
        np.zeros(2**60, np.uint8)
    except MemoryError as error:
        return error
    raise AssertionError


@pytest.mark.parametrize(
    ("error", "memory"),
    [
        (MemoryError(), True),
        (_array(), True),
        (OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)), True),
        (ResourceExhaustedError("OOM when allocating tensor with shape[9] on CPU:0 by allocator cpu"), True),
        (ResourceExhaustedError("OOM when allocating tensor on device:GPU:0 by allocator GPU_0_bfc"), False),
        (RuntimeError("std::bad_alloc"), True),
        (ValueError("a wrong value"), False),
    ],
    ids=["Python", "NumPy", "kernel", "TensorFlow", "GPU", "C++", "another"],
)
def test_want_of_memory_is_known(error: Exception, memory: bool) -> None:
    """Python's, NumPy's, TensorFlow's and C++'s own words, also behind another error."""
    assert (out_of_memory(wrapped(error)) is not None) is memory
    assert in_chain(wrapped(error)) is None


def test_a_full_cache_is_done_without(
    small_disk: Path, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody has to have a cache: what does not fit is read without it, and said."""
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    store = Store(CachedS3Blobs(f"s3://featherline/{uuid.uuid4().hex}", ArtifactCache(small_disk)))
    ref = store.put_bytes(bytes(2 * MIB), PageRef)

    assert store.read_bytes(ref) == bytes(2 * MIB)
    with store.fetched(ref) as path:
        assert path.stat().st_size == 2 * MIB
    assert parts(small_disk) == []
    assert "takes nothing" in capsys.readouterr().out


def test_a_folder_that_nobody_may_read_is_no_empty_one() -> None:
    """A list of keys that cannot be had is refused: an empty ledger would open a gate."""
    if os.getuid() != 0:
        pytest.skip("only root can become somebody else")
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        blobs = FolderBlobs(Path(name))
        blobs.replace("ledger/digits/1", b"1")
        (Path(name) / "ledger").chmod(0o700)
        os.seteuid(65534)
        try:
            with pytest.raises(OutOfReach) as refusal:
                list(blobs.keys("ledger/"))
        finally:
            os.seteuid(0)

    assert "no permission" in refusal.value.problems[0].got
