"""Artifacts: written once under their digest, checked at every read."""

from __future__ import annotations

import secrets
import uuid
from pathlib import Path

import numpy as np
import pytest

from featherline.stack.s3_server import S3Server
from featherline.tasks.contracts.base import digest
from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.measurement import Finding, Verdict
from featherline.tasks.contracts.references import (
    ArchiveRef,
    ArrayRef,
    ArtifactRef,
    DatasetRef,
    LiteRTFileRef,
    ModelFileRef,
    PageRef,
    VerdictRef,
)
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.store.artifacts import Store, open_store
from featherline.tasks.store.blobs import LARGE
from featherline.tasks.store.damage import Damaged
from featherline.tasks.store.mentions import references


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Give each kind of store in turn, empty."""
    if request.param == "folder":
        return open_store(str(tmp_path / "store"))
    server: S3Server = request.getfixturevalue("s3_server")
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    return open_store(f"s3://featherline/{uuid.uuid4().hex}")


def test_an_artifact_is_named_by_what_it_holds(store: Store) -> None:
    """Equal bytes give one reference and one object; other bytes another."""
    first, again, other = (store.put_bytes(data, PageRef) for data in (b"page", b"page", b"other"))

    assert first == again
    assert first.sha256 == digest(b"page")
    assert (first.bytes, first.kind) == (4, "page")
    assert first.uri == f"{store.uri}/artifacts/{first.sha256}"
    assert sorted(store.blobs.keys("artifacts/")) == sorted(f"artifacts/{ref.sha256}" for ref in (first, other))
    assert store.read_bytes(first) == b"page"


@pytest.mark.parametrize("size", [0, LARGE - 1, LARGE, LARGE + 1])
def test_files_are_artifacts_too(store: Store, tmp_path: Path, size: int) -> None:
    """A file has the reference that its bytes have, whatever way it went up."""
    content = secrets.token_bytes(size)
    (tmp_path / "model").write_bytes(content)

    ref = store.put_file(tmp_path / "model", ModelFileRef)

    assert (ref.sha256, ref.bytes) == (digest(content), size)
    with store.fetched(ref, ".keras") as path:
        assert path.suffix == ".keras"
        assert path.read_bytes() == content
    assert not path.exists()


def test_arrays_come_back(store: Store) -> None:
    """Values, shape and type are kept; equal arrays give equal references, however they lie in memory."""
    array = np.arange(6, dtype=np.int16).reshape(2, 3)

    ref = store.put_array(array)

    assert store.read_array(ref).dtype == np.int16
    assert store.read_array(ref).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert store.put_array(np.asfortranarray(array)) == ref


def test_objects_are_no_arrays(store: Store) -> None:
    """Nothing is pickled: an array of objects is not stored, and a stored pickle is not read."""
    with pytest.raises(ValueError, match="Object arrays"):
        store.put_array(np.array([{"a": 1}], dtype=object))


def test_contracts_come_back(store: Store) -> None:
    """A contract is stored in its canonical form, so that equal ones have one digest."""
    finding = Finding(rule="r", subject="s", passed=True, expected="e", got="g")
    verdict = Verdict(gate="data", passed=True, findings=(finding,), page=store.put_bytes(b"p", PageRef))

    ref = store.put(verdict, VerdictRef)

    assert store.read(ref, Verdict) == verdict
    assert ref.sha256 == digest(verdict.to_json())


@pytest.mark.parametrize("damage", [b"pagf", b"pag", b"", None], ids=["one bit", "truncated", "emptied", "gone"])
def test_a_damaged_artifact_is_never_returned(store: Store, damage: bytes | None) -> None:
    """A read that does not hash to its reference says what was expected and what was found."""
    ref = store.put_bytes(b"page", PageRef)
    if damage is None:
        store.blobs.delete(f"artifacts/{ref.sha256}")
    else:
        store.blobs.replace(f"artifacts/{ref.sha256}", damage)

    with pytest.raises(Damaged) as lost:
        store.read_bytes(ref)
    with pytest.raises(Damaged), store.fetched(ref):
        pass

    got = "nothing" if damage is None else f"{len(damage)} bytes that hash to {digest(damage)}"
    assert f"expected  4 bytes of page that hash to {ref.sha256}" in str(lost.value)
    assert f"got       {got}" in str(lost.value)


def test_a_lost_artifact_is_written_again(store: Store) -> None:
    """Putting the bytes once more repairs an object that is gone or has another size."""
    ref = store.put_bytes(b"page", PageRef)
    store.blobs.replace(f"artifacts/{ref.sha256}", b"pa")

    missing = store.has(ref)
    store.put_bytes(b"page", PageRef)

    assert (missing, store.has(ref)) == (False, True)
    assert store.read_bytes(ref) == b"page"


def test_a_large_file_that_was_cut_goes_up_again(store: Store, tmp_path: Path) -> None:
    """The same for a file that goes up in parts."""
    (tmp_path / "large").write_bytes(secrets.token_bytes(LARGE))
    ref = store.put_file(tmp_path / "large", ArchiveRef)
    store.blobs.replace(f"artifacts/{ref.sha256}", b"half")

    store.put_file(tmp_path / "large", ArchiveRef)

    assert store.has(ref)


def test_every_reference_inside_is_found() -> None:
    """References are found in contracts, tuples, lists and dicts, as deep as they lie."""
    page = PageRef(uri="u", sha256="1" * 64, bytes=1)
    array = ArrayRef(uri="u", sha256="2" * 64, bytes=1)
    file = LiteRTFileRef(uri="u", sha256="3" * 64, bytes=1)
    verdict = Verdict(gate="data", passed=False, findings=(), page=page)

    found: list[ArtifactRef] = list(references({"a": [verdict, (array,)], "b": {"c": file}, "d": 1, "e": None}))

    assert found == [page, array, file]


@pytest.mark.parametrize("data", [b"", b"[1]", b"{}", b"\xff\x00", b"[" * 100_000, b'{"format":' + b"9" * 5000 + b"}"])
def test_a_document_of_another_kind_is_refused(store: Store, data: bytes) -> None:
    """Whole bytes that are no such contract, of another version or planted, are named with a way out."""
    ref = store.put_bytes(data, DatasetRef)

    with pytest.raises(Refused) as refusal:
        store.read(ref, Dataset)

    without_number = data == b"{}"  # as an older version wrote it
    today = Dataset.model_fields["format"].default
    expected = f"format {today}, as this version writes it" if without_number else "a Dataset of this version"
    assert refusal.value.problems[0].expected == expected
    assert "ignore_cache" in refusal.value.problems[0].fix


def npy(header: str, data: bytes = b"") -> bytes:
    """Return a `.npy` file with this header."""
    text = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no array",
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }"),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }"),
        npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", b"\x80\x04N."),
        npy("{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }", b"\x00"),
        npy("{'descr': '|u1', 'shape': (2,), }", b"\x00\x00"),
        npy("(" * 100),
        npy("{'descr': '<U1', 'fortran_order': False, 'shape': (1,), }", b"a\x00\x00\x00"),
    ],
)
def test_what_is_no_array_is_refused(store: Store, data: bytes) -> None:
    """No memory is taken for what a header only says, and no object is made."""
    ref = store.put_bytes(data, ArrayRef)

    with pytest.raises(Refused, match="is no array"):
        store.read_array(ref)
