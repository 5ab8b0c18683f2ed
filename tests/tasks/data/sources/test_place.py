"""A source is a closed place: what lies in it is listed in order, and nothing else can be read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.data.sources.place import BucketPlace, FolderPlace, leads_out, open_place

if TYPE_CHECKING:
    from featherline.stack.s3_server import S3Server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a source with a file, one in a folder, and hidden ones, beside a secret."""
    for name in ("source/b.csv", "source/a/c.csv", "source/.hidden.csv", "source/.git/d.csv", "secret.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path / "source"


def test_names_are_relative_sorted_and_not_hidden(folder: Path):
    """Of four files two are seen."""
    assert FolderPlace(folder).names() == ["a/c.csv", "b.csv"]


def test_a_single_file_is_a_place(folder: Path):
    """Its neighbours are not seen."""
    place = open_place(str(folder / "b.csv"))

    assert place.names() == ["b.csv"]
    assert place.read("b.csv") == b"source/b.csv"


def test_a_link_within_the_place_is_followed(folder: Path):
    """A link to a file of the source is a file of the source."""
    (folder / "link.csv").symlink_to(folder / "b.csv")

    place = FolderPlace(folder)

    assert place.names() == ["a/c.csv", "b.csv", "link.csv"]
    assert place.read("link.csv") == b"source/b.csv"


@pytest.mark.parametrize("name", ["../secret.csv", "a/../../secret.csv", "/etc/hostname"])
def test_nothing_outside_is_read(folder: Path, name: str):
    """Neither `..` nor an absolute name leads out."""
    with pytest.raises(Refused) as refusal:
        FolderPlace(folder).read(name)

    assert refusal.value.problems[0].got == name


def test_a_link_out_is_refused_when_it_is_listed(folder: Path):
    """The message names the link."""
    (folder / "link.csv").symlink_to(folder.parent / "secret.csv")

    with pytest.raises(Refused) as refusal:
        FolderPlace(folder).names()

    assert refusal.value.problems[0].got == "link.csv"


@pytest.mark.parametrize(
    ("name", "out"),
    [("a/b", False), ("a..b", False), ("..", True), ("a/../b", True), ("/a", True), ("...", False)],
)
def test_names_that_lead_out_are_known(name: str, out: bool):
    """Any `..` part counts, also one that would lead back in."""
    assert leads_out(name) is out


def test_a_bucket_lists_and_gives_as_a_folder_does(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, folder: Path):
    """The same names, the same bytes, also as a file of this machine, which is gone after use."""
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    place = BucketPlace("s3://featherline/places/one")
    for path in (path for path in folder.rglob("*") if path.is_file()):
        place.blobs.upload(path.relative_to(folder).as_posix(), path)

    with place.local("a/c.csv") as copy:
        assert copy.read_text() == "source/a/c.csv"

    assert place.names() == ["a/c.csv", "b.csv"]
    assert place.read("b.csv") == b"source/b.csv"
    assert not copy.exists()


def test_a_bucket_gives_nothing_that_is_not_there(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch):
    """An object that went away between listing and reading is an error of the run, not of the data."""
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    place = BucketPlace("s3://featherline/places/none")

    with pytest.raises(FileNotFoundError):
        place.read("b.csv")
    with pytest.raises(Refused):
        place.read("../b.csv")


def test_odd_keys_of_a_bucket_are_files_or_folders(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch):
    """Odd letters are parts of names; a key that ends with a slash is a folder, also an empty one."""
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    place = BucketPlace("s3://featherline/places/odd")
    for key in ("cat/1 +&.png", "cat/ä.png", ".hidden/x.png", "dog/2.png"):
        place.blobs.replace(key, b"x")
    place.blobs.client.put_object(Bucket=place.blobs.bucket, Key=f"{place.blobs.prefix}bird/", Body=b"")

    assert place.names() == ["cat/1 +&.png", "cat/ä.png", "dog/2.png"]
    assert place.folders() == ["bird", "cat", "dog"]
    assert place.hidden == [".hidden/x.png"]
    assert place.read("cat/1 +&.png") == b"x"


def test_an_object_that_is_too_large_for_an_image_is_not_fetched(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch):
    """Its size is known from the listing."""
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("featherline.tasks.data.sources.place.LARGEST_FILE_BYTES", 10)
    place = BucketPlace("s3://featherline/places/large")
    place.blobs.replace("a.png", b"x" * 11)
    place.names()

    with pytest.raises(OSError, match="more than"):
        place.read("a.png")


def test_a_file_of_a_folder_is_read_so_far_and_no_further(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """However large it is or grows."""
    monkeypatch.setattr("featherline.tasks.data.sources.place.LARGEST_FILE_BYTES", 5)

    with pytest.raises(OSError, match="more than"):
        FolderPlace(folder).read("b.csv")
