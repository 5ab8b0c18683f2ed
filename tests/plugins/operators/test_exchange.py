"""What goes into a container and what is taken out of it."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from featherline.airflow.operators.exchange import archive, folder_files, only_file


def tar_of(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """Return an archive of these members."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for member, data in members:
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def named(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    """Return a member."""
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def test_what_goes_in_belongs_to_the_step_alone():
    """Files that only user 1000 can read, in folders that only it can enter, each folder before its files."""
    with tarfile.open(fileobj=io.BytesIO(archive({"recipes/devices/phone.yaml": b"name", "key": b"secret"}))) as tar:
        members = [(one.name, one.isdir(), oct(one.mode), one.uid, one.gid) for one in tar]

    assert members == [
        ("recipes", True, "0o700", 1000, 1000),
        ("recipes/devices", True, "0o700", 1000, 1000),
        ("recipes/devices/phone.yaml", False, "0o400", 1000, 1000),
        ("key", False, "0o400", 1000, 1000),
    ]


def test_the_file_comes_out_whatever_its_pieces():
    """The engine cuts an archive where it likes."""
    data = tar_of((named("result.json"), b'{"a": 1}'))

    for size in (1, 100, 512, 10_000):
        assert only_file([data[at : at + size] for at in range(0, len(data), size)], 100) == b'{"a": 1}'


@pytest.mark.parametrize(("size", "read"), [(99, 99), (100, 100), (101, 101), (5_000_000, 101)])
def test_no_more_is_read_than_is_wanted(size: int, read: int):
    """Just beyond the limit is enough to see that it is too much."""
    data = tar_of((named("result.json"), b"x" * size))
    taken = []

    def chunks() -> object:
        for at in range(0, len(data), 1000):
            taken.append(at)
            yield data[at : at + 1000]

    assert len(only_file(chunks(), 100) or b"") == read  # type: ignore[arg-type]
    assert len(taken) < 20


@pytest.mark.parametrize(
    "member",
    [
        named("result.json", tarfile.SYMTYPE, "/etc/passwd"),
        named("result.json", tarfile.LNKTYPE, "/etc/passwd"),
        named("result.json", tarfile.DIRTYPE),
        named("result.json", tarfile.FIFOTYPE),
    ],
    ids=["symbolic link", "hard link", "folder", "pipe"],
)
def test_what_is_no_file_is_nothing(member: tarfile.TarInfo):
    """A link would be read on the worker's side."""
    assert only_file([tar_of((member, b""))], 100) is None


def test_recipes_and_devices_alone_are_taken(tmp_path: Path):
    """Notes and programs beside them stay where they are."""
    (tmp_path / "devices").mkdir()
    for name in ("digits.yaml", "devices/phone.yaml", "notes.txt", "run.sh"):
        (tmp_path / name).write_text(name)

    assert folder_files(tmp_path, "recipes") == {
        "recipes/digits.yaml": b"digits.yaml",
        "recipes/devices/phone.yaml": b"devices/phone.yaml",
    }
