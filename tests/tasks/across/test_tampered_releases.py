"""Releases that somebody changed in the store: nothing of them is ever signed, registered or promoted."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from featherline.tasks.contracts.references import RecipeRef, Release
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.request import Provenance
from featherline.tasks.contracts.steps.promote import PromoteInputs, PromoteParams
from featherline.tasks.contracts.steps.publish import PublishInputs, PublishParams
from featherline.tasks.contracts.steps.register import RegisterInputs, RegisterParams
from featherline.tasks.releasing.releases import folder as release_folder
from featherline.tasks.releasing.releases.keys import make_keys
from featherline.tasks.releasing.releases.manifest import release_of
from featherline.tasks.releasing.releases.verification import verify
from featherline.tasks.running.context import Context
from featherline.tasks.steps.promote import promote
from featherline.tasks.steps.publish import publish
from featherline.tasks.steps.register import register

SIGNED = PublishParams(name="digits")
UNSIGNED = PublishParams(name="digits", sign=False)
EVIL = b"not what the run made"
FILES = ["MODEL_CARD.md", "golden.npz", "measurement.json", "model.tflite", "provenance.json", "recipe.json"]
FILES += ["report.html", "verdict.json"]
Tamper = Callable[[Path], None]


def exchange(name: str, content: bytes = EVIL) -> Tamper:
    """Return what puts other content in place of a file, and its digest into the manifest."""

    def change(folder: Path) -> None:
        (folder / name).write_bytes(content)
        _rename(folder, name, {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)})

    return change


def flip(name: str) -> Tamper:
    """Return what changes one byte of a file and leaves its size as it was."""

    def change(folder: Path) -> None:
        data = bytearray((folder / name).read_bytes())
        data[len(data) // 2] ^= 1
        (folder / name).write_bytes(bytes(data))

    return change


def _rename(folder: Path, name: str, said: dict[str, Any] | None) -> None:
    manifest = json.loads((folder / "manifest.json").read_bytes())
    if said is None:
        del manifest["files"][name]
    else:
        manifest["files"][name] = said
    (folder / "manifest.json").write_bytes(json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode())


def _all_of_it(folder: Path) -> None:
    """Make model, digest of the model and provenance fit one another."""
    exchange("model.tflite")(folder)
    said = json.loads((folder / "provenance.json").read_bytes())
    said["subject"][0]["digest"]["sha256"] = hashlib.sha256(EVIL).hexdigest()
    exchange("provenance.json", json.dumps(said, sort_keys=True, separators=(",", ":")).encode())(folder)


TAMPERS: dict[str, Tamper] = (
    {f"{name} and its digest": exchange(name) for name in FILES}
    | {f"one byte of {name}": flip(name) for name in FILES}
    | {
        "model, digest and provenance": _all_of_it,
        "a file more": lambda folder: (folder / "extra.bin").write_bytes(EVIL) and None,  # type: ignore[func-returns-value]
        "a file more, in the manifest": exchange("extra.bin"),
        "a file less": lambda folder: _rename(folder, "MODEL_CARD.md", None),
        "a path outside": lambda folder: _rename(folder, "../../x", {"sha256": "0" * 64, "bytes": 1}),
        "no manifest any more": lambda folder: (folder / "manifest.json").write_bytes(b"{}") and None,  # type: ignore[func-returns-value]
    }
)


def tampered(context: Context, inputs: PublishInputs, tamper: Tamper) -> Release:
    """Return a release that was signed, then changed, its signature removed."""
    release = publish(inputs, SIGNED, context).release
    tamper(Path(release.uri))
    Path(release.uri, "model.sig").unlink()
    return release


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("kind", TAMPERS)
def test_what_was_changed_is_never_signed(context: Context, winner: Any, kind: str) -> None:
    """Publish refuses it, whatever was changed, and leaves no signature; nor does register or promote take it."""
    release = tampered(context, winner(), TAMPERS[kind])

    with pytest.raises(Refused) as refusal:
        publish(winner(), SIGNED, context)

    assert not Path(release.uri, "model.sig").exists()
    assert not list(context.store.blobs.keys("claims/"))
    assert "model.sig" not in str(refusal.value)
    with pytest.raises(Refused):
        verify(context.store, release, signature=True)
    with pytest.raises(Refused):
        register(RegisterInputs(release=release), RegisterParams(), context)


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("kind", TAMPERS)
def test_the_advice_signs_what_the_run_made(context: Context, winner: Any, kind: str, tmp_path: Path) -> None:
    """Who moves the folder out of the store and publishes again gets the run's own files, signed."""
    whole = publish(winner(), SIGNED, context).release
    own = {path.name: path.read_bytes() for path in Path(whole.uri).iterdir() if path.name != "model.sig"}
    TAMPERS[kind](Path(whole.uri))
    Path(whole.uri, "model.sig").unlink()
    shutil.move(whole.uri, tmp_path / "seized")

    release = publish(winner(), SIGNED, context).release

    verify(context.store, release, signature=True)
    assert {path.name: path.read_bytes() for path in Path(release.uri).iterdir() if path.name != "model.sig"} == own


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("name", FILES)
def test_a_changed_file_beside_its_signature_is_refused(context: Context, winner: Any, name: str) -> None:
    """A signed release is looked at before it counts as done; what its fix says restores it."""
    release = publish(winner(), SIGNED, context).release
    flip(name)(Path(release.uri))

    with pytest.raises(Refused) as refusal:
        publish(winner(), SIGNED, context)

    assert refusal.value.problems[0].what == f"{release.uri}/{name} is not what was published"
    assert f"delete {name} and run publish again" in refusal.value.problems[0].fix
    Path(release.uri, name).unlink()
    verify(context.store, publish(winner(), SIGNED, context).release, signature=True)


@pytest.mark.usefixtures("keys")
def test_a_manifest_that_fits_what_was_changed_does_not_pass_under_the_old_signature(
    context: Context, winner: Any
) -> None:
    """The signature that lies there is verified, not only seen."""
    release = publish(winner(), SIGNED, context).release
    exchange("report.html")(Path(release.uri))

    with pytest.raises(Refused) as refusal:
        publish(winner(), SIGNED, context)

    assert refusal.value.problems[0].what == f"the signature of {release.uri} does not verify"


def test_the_signature_of_another_key_does_not_count(
    context: Context, winner: Any, keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A release that somebody else signed is not one that was published before."""
    assert keys
    private, _ = make_keys(tmp_path / "others")
    with monkeypatch.context() as patched:
        patched.setenv("FEATHERLINE_SIGNING_KEY", str(private))
        publish(winner(), SIGNED, context)

    with pytest.raises(Refused) as refusal:
        publish(winner(), SIGNED, context)

    assert refusal.value.problems[0].expected == "all its files signed by the key that FEATHERLINE_SIGNING_KEY names"


@pytest.mark.usefixtures("keys")
def test_an_unsigned_release_of_another_run_is_not_signed_for_it(context: Context, winner: Any) -> None:
    """Even where only the name of the run differs: what is signed says the run that signed."""
    publish(winner(), UNSIGNED, replace(context, provenance=Provenance(run_id="earlier")))

    signed = publish(winner(), SIGNED, replace(context, provenance=Provenance(run_id="later")))

    verify(context.store, signed.release, signature=True)
    assert b'"invocationId":"later"' in Path(signed.release.uri, "provenance.json").read_bytes()


@pytest.mark.usefixtures("keys")
def test_an_unsigned_release_of_another_recipe_makes_room(context: Context, winner: Any) -> None:
    """It is not this run's to sign: it is moved aside, kept, and what is signed is what this run made."""
    other = winner(report="another").model_copy(update={"recipe": context.store.put_bytes(b"{}", RecipeRef)})
    publish(other, UNSIGNED, context)

    release = publish(winner(), SIGNED, context).release

    verify(context.store, release, signature=True)
    assert Path(release.uri, "report.html").read_bytes() == b"<html>report</html>"
    kept = list(context.store.blobs.keys("superseded/digits/"))
    assert {key.rpartition("/")[2] for key in kept} == {*FILES, "manifest.json"}


@pytest.mark.usefixtures("keys")
def test_a_claim_is_no_order(context: Context, winner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A claim that somebody planted makes nobody sign what it names."""
    monkeypatch.setattr(release_folder, "WAIT_S", 0.3)
    release = publish(winner(), SIGNED, context).release
    folder = Path(release.uri)
    evil = context.store.put_bytes(EVIL, RecipeRef)
    _rename(folder, "report.html", {"sha256": evil.sha256, "bytes": evil.bytes})
    context.store.blobs.replace(f"claims/digits/{release.version}.json", (folder / "manifest.json").read_bytes())
    shutil.rmtree(folder)

    again = publish(winner(), SIGNED, context).release

    assert Path(again.uri, "report.html").read_bytes() == b"<html>report</html>"
    assert again == release
    assert not list(context.store.blobs.keys("claims/"))


@pytest.mark.usefixtures("keys")
def test_promote_and_register_look_for_themselves(context: Context, winner: Any) -> None:
    """A release that changes after it was registered is not registered again, nor promoted."""
    release = publish(winner(), SIGNED, context).release
    registration = register(RegisterInputs(release=release), RegisterParams(), context).registration
    exchange("report.html")(Path(release.uri))
    as_it_lies = release_of(context.store, "digits", release.model_sha256)

    for step in (
        lambda: register(RegisterInputs(release=as_it_lies), RegisterParams(), context),
        lambda: promote(PromoteInputs(registration=registration, release=as_it_lies), PromoteParams(), context),
    ):
        with pytest.raises(Refused) as refusal:
            step()
        assert refusal.value.problems[0].what == f"the signature of {release.uri} does not verify"
