"""One contract for every place where bytes lie: a folder, and a real S3 server."""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from featherline.stack.s3_server import S3Server
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.store.blobs import LARGE, Blobs, FolderBlobs, S3Blobs, open_blobs

ODD_KEYS = ["a b/c+d=e", "dt=2025-01-01/ü", "tests/100 %/x&y?z#w", "emoji/🪶.json", "quote'\"/<tag>", "dots/..a/.b"]


@pytest.fixture
def s3(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """Give the server, with its keys in the environment."""
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    return s3_server


@pytest.fixture(params=["folder", "s3"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    """Give each kind in turn, empty."""
    if request.param == "folder":
        return open_blobs(str(tmp_path / "store"))
    request.getfixturevalue("s3")
    return open_blobs(f"s3://featherline/{uuid.uuid4().hex}")


def test_gives_back_what_was_written(blobs: Blobs) -> None:
    """Bytes come back as they were, and their size is known; the last write counts."""
    blobs.replace("runs/1/a.json", b"first")
    blobs.replace("runs/1/a.json", b"\x00second\xff")

    assert blobs.read("runs/1/a.json") == b"\x00second\xff"
    assert blobs.size("runs/1/a.json") == 8


def test_what_is_absent_is_none(blobs: Blobs, tmp_path: Path) -> None:
    """A key that was never written is None, no error; deleting it is none either."""
    assert blobs.read("no/such/key") is None
    assert blobs.size("no/such/key") is None
    assert blobs.download("no/such/key", tmp_path / "file") is False
    blobs.delete("no/such/key")
    assert list(blobs.keys("no/")) == []
    assert list(blobs.keys("")) == []


def test_nothing_is_something(blobs: Blobs) -> None:
    """An empty object is not an absent one."""
    blobs.replace("empty", b"")

    assert blobs.read("empty") == b""
    assert blobs.size("empty") == 0


def test_create_writes_once(blobs: Blobs) -> None:
    """The second create changes nothing and says so; after a delete the key is free again."""
    first, second = blobs.create("results/a", b"first"), blobs.create("results/a", b"second")
    kept = blobs.read("results/a")
    blobs.delete("results/a")
    third = blobs.create("results/a", b"third")

    assert (first, second, third) == (True, False, True)
    assert kept == b"first"
    assert blobs.read("results/a") == b"third"


def test_of_eight_creators_one_wins(blobs: Blobs) -> None:
    """Eight threads create one key at once: one is told that it wrote, and its bytes are there."""
    start = threading.Barrier(8)

    def create(number: int) -> bool:
        start.wait()
        return blobs.create("results/race", f"writer {number}".encode())

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(create, range(8)))

    assert sum(won) == 1
    assert blobs.read("results/race") == f"writer {won.index(True)}".encode()


@pytest.mark.parametrize("key", ODD_KEYS)
def test_odd_keys_are_keys(blobs: Blobs, key: str, tmp_path: Path) -> None:
    """Spaces, signs and letters of any alphabet are kept in keys, for every operation."""
    assert blobs.create(key, b"1") is True
    assert blobs.create(key, b"2") is False
    blobs.replace(key, b"12")

    assert blobs.read(key) == b"12"
    assert blobs.size(key) == 2
    assert list(blobs.keys("")) == [key]
    assert list(blobs.keys(key[:-1])) == [key]
    assert blobs.download(key, tmp_path / "copy")
    blobs.delete(key)
    assert list(blobs.keys("")) == []


def test_keys_are_sorted_and_start_with_the_prefix(blobs: Blobs) -> None:
    """A prefix may end inside a name; keys of other folders do not show."""
    for key in ("b/2", "b/10", "b/1", "bc/1", "a/1", "ab"):
        blobs.replace(key, b"")

    assert list(blobs.keys("b/")) == ["b/1", "b/10", "b/2"]
    assert list(blobs.keys("b/1")) == ["b/1", "b/10"]
    assert list(blobs.keys("b")) == ["b/1", "b/10", "b/2", "bc/1"]
    assert list(blobs.keys("")) == ["a/1", "ab", "b/1", "b/10", "b/2", "bc/1"]


def test_more_keys_than_a_page_are_all_listed(blobs: Blobs) -> None:
    """S3 gives 1,000 keys a page; 1,003 come back, each once, in order."""
    names = [f"many/{number:04d}" for number in range(1003)]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: blobs.replace(name, b""), names))

    assert list(blobs.keys("many/")) == names


@pytest.mark.parametrize("size", [0, 1, LARGE - 1, LARGE, 2 * LARGE + 1])
def test_files_of_any_size_go_up_and_down(blobs: Blobs, tmp_path: Path, size: int) -> None:
    """A file comes back byte for byte, below, at and above the size from which it goes in parts."""
    content = secrets.token_bytes(size)
    (tmp_path / "up").write_bytes(content)

    blobs.upload("artifacts/file", tmp_path / "up")

    assert blobs.size("artifacts/file") == size
    assert blobs.download("artifacts/file", tmp_path / "down") is True
    assert (tmp_path / "down").read_bytes() == content


@pytest.mark.parametrize("key", ["../escape", "a/../../escape", "/etc/passwd", "a/..", "a\0b"])
def test_a_key_cannot_leave_the_store(blobs: Blobs, tmp_path: Path, key: str) -> None:
    """Every operation refuses a key that leads outside."""
    (tmp_path / "file").write_bytes(b"x")
    operations: list[Callable[[], Any]] = [
        lambda: blobs.read(key),
        lambda: blobs.create(key, b"x"),
        lambda: blobs.replace(key, b"x"),
        lambda: blobs.upload(key, tmp_path / "file"),
        lambda: blobs.download(key, tmp_path / "down"),
        lambda: blobs.size(key),
        lambda: list(blobs.keys(f"{key}/")),
        lambda: blobs.delete(key),
    ]

    for operation in operations:
        with pytest.raises(ValueError, match="a key stays inside the store"):
            operation()

    assert list(blobs.keys("")) == []


def test_a_folder_shows_no_unfinished_files(tmp_path: Path) -> None:
    """What a killed writer left is no key, and what was written leaves nothing beside it."""
    blobs = FolderBlobs(tmp_path)
    blobs.create("a/1", b"1")
    blobs.create("a/1", b"2")
    blobs.replace("a/2", b"2")
    (tmp_path / "a" / ".part-killed").write_bytes(b"half")

    assert list(blobs.keys("a/")) == ["a/1", "a/2"]
    assert len(list((tmp_path / "a").iterdir())) == 3


def test_two_prefixes_of_a_bucket_are_two_stores(s3: S3Server) -> None:
    """What lies under one prefix is not seen from another, also where one is the start of the other."""
    assert s3
    name = uuid.uuid4().hex
    one, other = open_blobs(f"s3://featherline/{name}"), open_blobs(f"s3://featherline/{name}2/")

    one.replace("key", b"1")

    assert other.read("key") is None
    assert list(other.keys("")) == []
    assert other.uri == f"s3://featherline/{name}2"


@pytest.mark.parametrize(
    ("variable", "value"),
    [("AWS_SECRET_ACCESS_KEY", "wrong"), ("AWS_ACCESS_KEY_ID", "unknown")],
    ids=["wrong secret", "unknown key"],
)
def test_wrong_keys_are_refused(s3: S3Server, monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    """Every operation says that the store does not let us in, and none tells the secret."""
    assert s3
    monkeypatch.setenv(variable, value)
    blobs = S3Blobs("s3://featherline/x")

    for operation in (lambda: blobs.read("k"), lambda: blobs.size("k"), lambda: blobs.create("k", b"")):
        with pytest.raises(Refused) as refusal:
            operation()
        assert refusal.value.problems[0].what == "the store s3://featherline/x does not let us in"
        assert s3.secret_key not in str(refusal.value)


def test_who_may_only_read_reads(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user who may read and list gets what is there, and a refusal for a write."""
    name = f"s3://featherline/{uuid.uuid4().hex}"
    open_blobs(name).replace("key", b"1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "reader")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3.readers["reader"])
    blobs = open_blobs(name)

    read, listed = blobs.read("key"), list(blobs.keys(""))
    with pytest.raises(Refused) as refusal:
        blobs.replace("key", b"2")

    assert (read, listed) == (b"1", ["key"])
    assert refusal.value.problems[0].got == "AccessDenied"


def test_without_keys_nothing_is_opened(s3: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where the environment names no keys, that is what is said."""
    assert s3
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))

    with pytest.raises(Refused) as refusal:
        S3Blobs("s3://featherline/x").read("k")

    assert refusal.value.problems[0].what == "the store s3://featherline/x cannot be opened"


def test_a_bucket_that_is_not_there_is_refused(s3: S3Server) -> None:
    """A typo in the bucket's name makes no bucket."""
    blobs = S3Blobs("s3://featherlin/x")

    for operation in (lambda: blobs.create("k", b""), lambda: blobs.read("k"), lambda: list(blobs.keys(""))):
        with pytest.raises(Refused) as refusal:
            operation()
        assert refusal.value.problems[0].what == "the store s3://featherlin/x has no bucket"
    assert "featherlin" not in {bucket["Name"] for bucket in s3.client().list_buckets()["Buckets"]}


def test_a_store_out_of_reach_is_refused(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody listens the refusal comes within 15 s (four attempts) and names the address."""
    assert s3
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", address)
    started = time.monotonic()

    with pytest.raises(Refused) as refusal:
        S3Blobs("s3://featherline/x").read("k")

    assert time.monotonic() - started < 15
    assert refusal.value.problems[0].what == "the store s3://featherline/x is out of reach"
    assert refusal.value.problems[0].expected == f"an S3 server that answers at {address}"


def test_what_was_written_survives_a_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server is killed at once after the last answer; started again, it has every object."""
    server = S3Server(tmp_path, "key", secrets.token_hex(20), dies_with_parent=True)
    with server:
        server.create_bucket("kept")
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        blobs = open_blobs("s3://kept")
        for number in range(50):
            blobs.replace(f"k/{number:02d}", str(number).encode())

        server.kill()
        server.start()

        assert [blobs.read(key) for key in blobs.keys("k/")] == [str(number).encode() for number in range(50)]


@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "folder"])
def test_what_is_no_file_is_absent(tmp_path: Path, kind: str) -> None:
    """Whoever can write the folder can put a pipe there: it is not waited for, and a write takes its place."""
    blobs, place = FolderBlobs(tmp_path / "store"), tmp_path / "store" / "key"
    place.parent.mkdir()
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(str(place))
    elif kind == "device":
        place.symlink_to("/dev/zero")
    else:
        place.mkdir()
    answers: list[object] = []

    def look() -> None:
        answers.extend((blobs.read("key"), blobs.sha256("key"), blobs.download("key", tmp_path / "copy")))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    thread.join(10)

    assert answers == [None, None, False]
    if kind != "folder":
        blobs.replace("key", b"a")
        assert blobs.read("key") == b"a"
