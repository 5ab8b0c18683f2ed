"""Verifying releases: what was changed, taken away or added is found."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from featherline.tasks.contracts.references import Release
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.request import Variable
from featherline.tasks.contracts.steps.publish import PublishParams
from featherline.tasks.releasing.releases.keys import make_keys
from featherline.tasks.releasing.releases.manifest import release_of
from featherline.tasks.releasing.releases.verification import verify
from featherline.tasks.running.context import Context
from featherline.tasks.steps.publish import publish


@pytest.fixture
def release(context: Context, winner: Any, keys: tuple[Path, Path]) -> Release:
    """Give a signed release."""
    assert keys
    return publish(winner(), PublishParams(name="digits"), context).release


def problems(context: Context, release: Release, *, signature: bool = True) -> list[str]:
    """Return what the refusal says was wrong, with the release's place left out."""
    with pytest.raises(Refused) as refusal:
        verify(context.store, release, signature=signature)
    return [problem.what.replace(f"{release.uri}/", "") for problem in refusal.value.problems]


def test_a_release_as_published_verifies(context: Context, release: Release) -> None:
    """Nothing was changed, so the manifest comes back."""
    assert verify(context.store, release, signature=True).release(context.store) == release


def test_every_wrong_file_is_named(context: Context, release: Release) -> None:
    """One file changed, one gone, one added: three problems at once."""
    Path(release.uri, "model.tflite").write_bytes(b"another model")
    Path(release.uri, "verdict.json").unlink()
    Path(release.uri, "extra.txt").write_text("hello")

    found = problems(context, release)

    assert found == [
        "model.tflite is not what was published",
        "verdict.json is not what was published",
        "extra.txt was not published",
    ]


def test_a_manifest_that_was_rewritten_is_refused(context: Context, release: Release) -> None:
    """Changing a file and the manifest with it is found by the digest that the pipeline keeps."""
    _rewrite(Path(release.uri))

    found = problems(context, release, signature=False)

    assert found == [f"the release {release.uri} is not the one that was published"]


def test_the_signature_finds_a_rewritten_manifest(context: Context, release: Release) -> None:
    """Who takes the release as it lies there still has the signature: it covers the manifest."""
    _rewrite(Path(release.uri))
    as_it_lies = release_of(context.store, "digits", release.model_sha256)

    found = problems(context, as_it_lies)

    assert verify(context.store, as_it_lies, signature=False)
    assert found == [f"the signature of {release.uri} does not verify"]


def test_another_key_does_not_verify(
    context: Context, release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A release signed by somebody else's key is refused."""
    monkeypatch.setenv(Variable.VERIFY_KEY, str(make_keys(tmp_path / "others")[1]))

    assert problems(context, release) == [f"the signature of {release.uri} does not verify"]


@pytest.mark.parametrize(
    "content",
    [b"", b"no json", b"{}", b"[]", b"\xff\xfe", b'{"mediaType": "x"}'],
    ids=["empty", "text", "empty object", "list", "bytes", "other object"],
)
def test_what_is_no_signature_is_refused(context: Context, release: Release, content: bytes) -> None:
    """Whatever lies in place of the signature, the answer is a refusal."""
    Path(release.uri, "model.sig").write_bytes(content)

    assert problems(context, release) == [f"the signature of {release.uri} does not verify"]


def test_a_release_without_signature_is_refused(context: Context, release: Release) -> None:
    """Taking the signature away does not help."""
    Path(release.uri, "model.sig").unlink()

    assert problems(context, release) == [f"the release {release.uri} is not signed"]
    assert verify(context.store, release, signature=False)


def test_a_missing_verify_key_is_refused(context: Context, release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where signatures count, nothing is promoted on a deployment that cannot check them."""
    monkeypatch.delenv(Variable.VERIFY_KEY)

    assert problems(context, release) == ["the release's signature cannot be verified"]


@pytest.mark.parametrize(
    ("content", "got"),
    [
        (b"{", "Invalid JSON"),
        (b"{}", "name: Field required"),
        (None, "the same values in other bytes"),
    ],
    ids=["no json", "no manifest", "reformatted"],
)
def test_a_file_that_is_no_manifest_is_refused(
    context: Context, release: Release, content: bytes | None, got: str
) -> None:
    """A manifest that cannot be read says where and why."""
    path = Path(release.uri, "manifest.json")
    path.write_bytes(json.dumps(json.loads(path.read_bytes()), indent=2).encode() if content is None else content)

    with pytest.raises(Refused) as refusal:
        verify(context.store, release, signature=False)

    assert refusal.value.problems[0].what == f"{path} is not the manifest of this release"
    assert got in refusal.value.problems[0].got


def test_a_manifest_cannot_name_what_lies_outside(context: Context, release: Release) -> None:
    """A path in place of a file name is refused before anything is read."""
    path = Path(release.uri, "manifest.json")
    said = json.loads(path.read_bytes())
    said["files"]["../../../secret"] = said["files"].pop("report.html")
    path.write_bytes(json.dumps(said, sort_keys=True, separators=(",", ":")).encode())

    with pytest.raises(Refused) as refusal:
        verify(context.store, release, signature=False)

    assert "files.../../../secret" in refusal.value.problems[0].got


def _rewrite(folder: Path) -> None:
    """Change the card, and the manifest so that it fits."""
    card = b"# all is well"
    (folder / "MODEL_CARD.md").write_bytes(card)

    said = json.loads((folder / "manifest.json").read_bytes())
    said["files"]["MODEL_CARD.md"] = {"sha256": hashlib.sha256(card).hexdigest(), "bytes": len(card)}
    (folder / "manifest.json").write_bytes(json.dumps(said, sort_keys=True, separators=(",", ":")).encode())
