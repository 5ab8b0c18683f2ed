"""Registering a release."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from featherline.tasks.contracts.base import digest
from featherline.tasks.contracts.measurement import Verdict
from featherline.tasks.contracts.references import Release
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.steps.publish import PublishParams
from featherline.tasks.contracts.steps.register import RegisterInputs, RegisterOutputs, RegisterParams
from featherline.tasks.releasing.registries.opening import open_registry
from featherline.tasks.releasing.releases.manifest import File, read_manifest
from featherline.tasks.running.context import Context
from featherline.tasks.steps.publish import publish
from featherline.tasks.steps.register import register


def released(context: Context, inputs: Any) -> Release:
    """Return the unsigned release of a winner."""
    return publish(inputs, PublishParams(name="digits", sign=False), context).release


def registered(context: Context, release: Release) -> RegisterOutputs:
    """Return what `register` gives."""
    return register(RegisterInputs(release=release), RegisterParams(), context)


def test_a_release_becomes_the_challenger(context: Context, winner: Any) -> None:
    """The first release is version 1 of its name, and holds the alias challenger."""
    release = released(context, winner())

    outputs = registered(context, release)

    assert outputs.registration.model_dump() == {
        "registry": "store",
        "name": "digits",
        "version": "1",
        "alias": "challenger",
        "model_sha256": release.model_sha256,
    }
    assert outputs.release == release
    assert outputs.done_before is False
    assert open_registry(context).aliases("digits") == {"challenger": "1"}


def test_registering_again_finds_its_work_done(context: Context, winner: Any) -> None:
    """A retry or a later run of the same model makes no second version and counts as a hit."""
    release = released(context, winner())
    first = registered(context, release)

    second = registered(context, release)

    assert second.done_before is True
    assert second.registration == first.registration
    assert len(open_registry(context).list("digits")) == 1


def test_the_challenger_is_the_last_one_registered(context: Context, winner: Any) -> None:
    """Registering an earlier model again moves the alias back to its version, which is work done now."""
    first, second = released(context, winner(1)), released(context, winner(2))
    registered(context, first)
    registered(context, second)

    outputs = registered(context, first)

    assert outputs.done_before is False
    assert outputs.registration.version == "1"
    assert open_registry(context).aliases("digits") == {"challenger": "1"}


def test_the_measurement_can_be_had_from_the_version(context: Context, winner: Any) -> None:
    """The version's reference is the one that the gate of a later run reads."""
    inputs = winner()

    registered(context, released(context, inputs))

    version = open_registry(context).get("digits", "1")
    assert version.measurement == inputs.selection.measurement


def test_a_release_without_manifest_is_refused(context: Context, winner: Any) -> None:
    """What `publish` did not finish is no release."""
    release = released(context, winner())
    Path(release.uri, "manifest.json").unlink()

    with pytest.raises(Refused) as refusal:
        registered(context, release)

    assert refusal.value.problems[0].got == "8 files, no manifest"
    assert open_registry(context).list("digits") == ()


def test_a_release_with_a_lost_verdict_is_refused(context: Context, winner: Any) -> None:
    """Without its verdict a release has no gate behind it."""
    release = released(context, winner())
    Path(release.uri, "verdict.json").unlink()

    with pytest.raises(Refused) as refusal:
        registered(context, release)

    assert refusal.value.problems[0].what == f"{release.uri}/verdict.json is not what was published"


def test_a_release_with_a_shut_gate_is_refused(context: Context, winner: Any) -> None:
    """A verdict that its candidate failed registers nothing, even where the manifest was made to fit."""
    release = released(context, winner())
    folder = Path(release.uri)
    verdict = Verdict.model_validate_json((folder / "verdict.json").read_bytes())
    closed = verdict.model_copy(update={"passed": False}).to_json()
    manifest = read_manifest(context.store, "digits", release.model_sha256)
    assert manifest is not None
    said = manifest.files["verdict.json"].model_copy(update={"sha256": digest(closed), "bytes": len(closed)})
    forged = manifest.model_copy(update={"files": manifest.files | {"verdict.json": said}})
    (folder / "verdict.json").write_bytes(closed)
    (folder / "manifest.json").write_bytes(forged.to_json())

    with pytest.raises(Refused) as refusal:
        registered(context, forged.release(context.store))

    assert refusal.value.problems[0].what == f"register does not take {release.uri}: its gate is not open"
    assert refusal.value.problems[0].got == "gate metrics, passed: none"


@pytest.mark.parametrize("name", ["measurement.json", "verdict.json"])
def test_a_release_of_another_version_of_featherline_is_refused_with_a_way_on(
    context: Context, winner: Any, name: str
) -> None:
    """A file that this version does not read is named; what the advice says makes a release that is taken."""
    release = released(context, winner())
    manifest = read_manifest(context.store, "digits", release.model_sha256)
    assert manifest is not None
    folder = f"releases/digits/{release.version}"
    said = {**manifest.files, name: File(sha256=digest(b"{}"), bytes=2)}
    other = manifest.model_copy(update={"files": said})
    context.store.blobs.replace(f"{folder}/{name}", b"{}")
    context.store.blobs.replace(f"{folder}/manifest.json", other.to_json())

    with pytest.raises(Refused) as refusal:
        registered(context, other.release(context.store))

    assert refusal.value.problems[0].what.endswith(name)
    assert f"move {folder} out of the store and run publish again" in refusal.value.problems[0].fix
    for key in list(context.store.blobs.keys(f"{folder}/")):
        context.store.blobs.move(key, f"elsewhere/{key}")
    assert registered(context, released(context, winner())).registration.version == "1"
