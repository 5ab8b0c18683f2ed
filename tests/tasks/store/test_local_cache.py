"""The machine's cache of artifacts, alone and in front of a real S3 server."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import time
import uuid
from pathlib import Path

import pytest

from featherline.stack.s3_server import S3Server
from featherline.tasks.contracts.references import SamplesRef
from featherline.tasks.contracts.request import Variable
from featherline.tasks.store.artifacts import Store, open_store
from featherline.tasks.store.damage import Damaged
from featherline.tasks.store.local_cache import ABANDONED_S, ArtifactCache, CachedS3Blobs

DATA = b"what a lane reads"
DIGEST = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def store(s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Give an empty store on S3 behind a cache in `tmp_path / "cache"`."""
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(Variable.CACHE, str(tmp_path / "cache"))
    return open_store(f"s3://featherline/{uuid.uuid4().hex}")


def cached(cache: ArtifactCache, data: bytes, age_s: float = 0) -> Path:
    """Put an artifact into a cache, last read so many seconds ago, and return its file."""
    name = hashlib.sha256(data).hexdigest()
    with cache.holding(name, lambda path: path.write_bytes(data) > 0):
        pass
    os.utime(cache.folder / name, (time.time() - age_s,) * 2)
    return cache.folder / name


def test_a_second_read_asks_no_server(store: Store):
    """What was read once is read from the folder, also when the server has lost it."""
    ref = store.put_bytes(DATA, SamplesRef)
    store.read_bytes(ref)
    store.blobs.delete(f"artifacts/{ref.sha256}")

    assert store.read_bytes(ref) == DATA
    with store.fetched(ref) as path:
        assert path.read_bytes() == DATA


def test_a_file_read_first_is_cached_too(store: Store):
    """A download fills the folder as a read does."""
    ref = store.put_bytes(DATA, SamplesRef)
    with store.fetched(ref):
        pass
    store.blobs.delete(f"artifacts/{ref.sha256}")

    assert store.read_bytes(ref) == DATA


@pytest.mark.parametrize("damage", [b"", DATA[:-1], DATA + b"!", b"what a thief reads"])
def test_a_damaged_copy_is_replaced(store: Store, tmp_path: Path, damage: bytes):
    """Whatever happened to the folder, what is read hashes to its name."""
    ref = store.put_bytes(DATA, SamplesRef)
    store.read_bytes(ref)
    (tmp_path / "cache" / DIGEST).write_bytes(damage)

    assert store.read_bytes(ref) == DATA
    assert (tmp_path / "cache" / DIGEST).read_bytes() == DATA


def test_damage_on_the_server_is_not_kept(store: Store, tmp_path: Path):
    """It is refused as without a cache, and the next read asks again."""
    ref = store.put_bytes(DATA, SamplesRef)
    store.blobs.replace(f"artifacts/{ref.sha256}", b"something else")

    with pytest.raises(Damaged):
        store.read_bytes(ref)

    assert not (tmp_path / "cache" / DIGEST).exists()
    store.blobs.replace(f"artifacts/{ref.sha256}", DATA)
    assert store.read_bytes(ref) == DATA


def test_what_is_nowhere_is_nothing(store: Store, tmp_path: Path):
    """Neither a read nor a download of an absent artifact leaves anything in the folder."""
    assert store.blobs.read(f"artifacts/{DIGEST}") is None
    assert store.blobs.download(f"artifacts/{DIGEST}", tmp_path / "file") is False
    assert [entry.name for entry in (tmp_path / "cache").iterdir()] == ["locks"]


def test_documents_are_never_cached(store: Store):
    """A name that says nothing of its content is read from the server each time."""
    store.blobs.replace("runs/1/record.json", b"one")
    store.blobs.read("runs/1/record.json")
    store.blobs.replace("runs/1/record.json", b"two")

    assert store.blobs.read("runs/1/record.json") == b"two"


def test_a_folder_store_has_no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A copy of a file of this machine on this machine helps nobody."""
    monkeypatch.setenv(Variable.CACHE, str(tmp_path / "cache"))

    assert not isinstance(open_store(str(tmp_path / "store")).blobs, CachedS3Blobs)


def slowly(folder: Path, log: Path) -> None:
    """Read an artifact whose download takes a while, and note each download."""

    def download(path: Path) -> bool:
        with log.open("a") as file:
            file.write("downloaded\n")
        time.sleep(0.5)
        path.write_bytes(DATA)
        return True

    with ArtifactCache(folder).holding(DIGEST, download) as path:
        assert path
        assert path.read_bytes() == DATA


def test_eight_lanes_at_once_download_once(tmp_path: Path):
    """Seven wait for the eighth."""
    lanes = [multiprocessing.Process(target=slowly, args=(tmp_path / "cache", tmp_path / "log")) for _ in range(8)]

    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join()

    assert [lane.exitcode for lane in lanes] == [0] * 8
    assert (tmp_path / "log").read_text() == "downloaded\n"


def test_the_longest_unread_goes_first(tmp_path: Path):
    """A full folder keeps what was read last."""
    cache = ArtifactCache(tmp_path, most_bytes=25)
    old, new = cached(cache, b"old bytes!", 20), cached(cache, b"new bytes!", 10)
    with cache.holding(old.name, lambda _: False):  # read again: now it is the newest
        pass

    last = cached(cache, b"last bytes")

    assert [path.exists() for path in (old, new, last)] == [True, False, True]


def test_an_abandoned_download_goes(tmp_path: Path):
    """A part that a killed step left is removed after a day, and not before."""
    cache = ArtifactCache(tmp_path)
    for name, age in ((".part-old", ABANDONED_S + 60), (".part-new", 60)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (time.time() - age,) * 2)

    cached(cache, DATA)

    assert [(tmp_path / name).exists() for name in (".part-old", ".part-new")] == [False, True]
