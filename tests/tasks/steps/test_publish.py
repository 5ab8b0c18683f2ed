"""Publishing the winner as a release."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from featherline.tasks.contracts.measurement import Measurement, Verdict
from featherline.tasks.contracts.references import MeasurementRef, VerdictRef
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.request import Provenance, Variable
from featherline.tasks.contracts.steps.publish import PublishInputs, PublishParams
from featherline.tasks.releasing.releases.manifest import Manifest, release_of
from featherline.tasks.releasing.releases.verification import verify
from featherline.tasks.running.context import Context
from featherline.tasks.steps.publish import publish

FILES = {
    "model.tflite",
    "golden.npz",
    "MODEL_CARD.md",
    "report.html",
    "verdict.json",
    "measurement.json",
    "recipe.json",
    "provenance.json",
}
SIGNED = PublishParams(name="digits")
UNSIGNED = PublishParams(name="digits", sign=False)


def files_of(context: Context, inputs: PublishInputs) -> dict[str, bytes]:
    """Return all files of the release by name."""
    prefix = f"releases/digits/{inputs.selection.model.file.sha256[:12]}/"
    blobs = context.store.blobs
    return {key.removeprefix(prefix): blobs.read(key) or b"" for key in blobs.keys(prefix)}


@pytest.mark.usefixtures("keys")
def test_a_release_is_self_contained(context: Context, winner: Any) -> None:
    """The folder is named by the model's digest and holds all files, a manifest with their digests, and a signature."""
    inputs = winner()

    outputs = publish(inputs, SIGNED, context)

    found = files_of(context, inputs)
    manifest = Manifest.model_validate_json(found["manifest.json"])
    assert set(found) == FILES | {"manifest.json", "model.sig"}
    assert set(manifest.files) == FILES
    assert manifest.files["model.tflite"].sha256 == inputs.selection.model.file.sha256
    assert outputs.release.version == inputs.selection.model.file.sha256[:12]
    assert outputs.release.uri == f"{context.store.uri}/releases/digits/{outputs.release.version}"
    assert outputs.done_before is False
    assert verify(context.store, outputs.release, signature=True) == manifest


@pytest.mark.usefixtures("keys")
def test_publishing_again_finds_its_work_done(context: Context, winner: Any) -> None:
    """A second run of the same work changes no byte, the signature included, and counts as a hit."""
    first = publish(winner(), SIGNED, context)
    before = files_of(context, winner())

    second = publish(winner(), SIGNED, context)

    assert second.done_before is True
    assert second.release == first.release
    assert files_of(context, winner()) == before


def test_the_first_report_stays(context: Context, winner: Any) -> None:
    """The same model with another report is the same release, and its first report stays."""
    publish(winner(report="first"), UNSIGNED, context)

    outputs = publish(winner(report="second"), UNSIGNED, context)

    assert outputs.done_before is True
    assert files_of(context, winner())["report.html"] == b"<html>first</html>"


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_lost_file_is_restored(context: Context, winner: Any, name: str) -> None:
    """A file that is gone from a release comes back from the artifacts, and the work counts as done now."""
    release = publish(winner(), UNSIGNED, context).release
    context.store.blobs.delete(f"releases/digits/{release.version}/{name}")

    outputs = publish(winner(), UNSIGNED, context)

    assert outputs.done_before is False
    verify(context.store, outputs.release, signature=False)


def test_a_release_without_manifest_is_written_anew(context: Context, winner: Any) -> None:
    """What a crash left before the manifest is no release: register would refuse it, publish completes it."""
    release = publish(winner(report="first"), UNSIGNED, context).release
    context.store.blobs.delete(f"releases/digits/{release.version}/manifest.json")
    with pytest.raises(Refused) as refusal:
        release_of(context.store, "digits", release.model_sha256)

    outputs = publish(winner(report="second"), UNSIGNED, context)

    assert refusal.value.problems[0].got == "8 files, no manifest"
    assert files_of(context, winner())["report.html"] == b"<html>second</html>"
    verify(context.store, outputs.release, signature=False)


@pytest.mark.usefixtures("keys")
def test_a_release_is_signed_later(context: Context, winner: Any) -> None:
    """A release that was published unsigned gets its signature when it is asked for, and nothing else changes."""
    unsigned = publish(winner(), UNSIGNED, context)

    signed = publish(winner(), SIGNED, context)

    assert signed.release == unsigned.release
    assert signed.done_before is False
    verify(context.store, signed.release, signature=True)


@pytest.mark.usefixtures("keys")
def test_eight_publishers_leave_one_release(context: Context, winner: Any) -> None:
    """Runs that publish one model at once, each with a report of its own, leave one release that verifies, no claim."""
    inputs = [winner(report=f"report {number}") for number in range(8)]
    contexts = [replace(context, provenance=Provenance(run_id=f"run-{number}")) for number in range(8)]

    with ThreadPoolExecutor(8) as pool:
        outputs = list(pool.map(publish, inputs, [SIGNED] * 8, contexts))

    assert len({output.release.manifest_sha256 for output in outputs}) == 1
    verify(context.store, outputs[0].release, signature=True)
    assert list(context.store.blobs.keys("claims/")) == []


def test_a_claim_that_a_crash_left_is_written_to_its_end(context: Context, winner: Any) -> None:
    """A writer that comes after a crash completes what the first one wanted, its report included."""
    release = publish(winner(report="first"), UNSIGNED, context).release
    wanted = context.store.blobs.read(f"releases/digits/{release.version}/manifest.json")
    context.store.blobs.delete(f"releases/digits/{release.version}/manifest.json")
    context.store.blobs.create(f"claims/digits/{release.version}.json", wanted)

    outputs = publish(winner(report="second"), UNSIGNED, context)

    assert outputs.release == release
    assert files_of(context, winner())["report.html"] == b"<html>first</html>"


def test_the_signers_own_tool_verifies_a_release(context: Context, winner: Any, keys: tuple[Path, Path]) -> None:
    """`model_signing verify` accepts the folder as it lies there, and refuses it when one byte is different."""
    release = publish(winner(), SIGNED, context).release
    command = [Path(sys.executable).parent / "model_signing", "verify", "key", release.uri]
    command += ["--signature", f"{release.uri}/model.sig", "--public_key", str(keys[1])]

    accepted = subprocess.run(command, capture_output=True, text=True, check=False)
    with Path(release.uri, "MODEL_CARD.md").open("ab") as card:
        card.write(b"!")
    refused = subprocess.run(command, capture_output=True, text=True, check=False)

    assert accepted.returncode == 0, accepted.stderr
    assert refused.returncode != 0
    assert "MODEL_CARD.md" in refused.stdout + refused.stderr


def test_provenance_names_what_the_release_was_made_of(context: Context, winner: Any) -> None:
    """The statement is an in-toto one with SLSA's predicate: model, recipe, data, code and run by digest."""
    inputs = winner()
    run = replace(context, provenance=Provenance(run_id="scheduled-1", recipe="digits"))

    publish(inputs, UNSIGNED, run)

    said = json.loads(files_of(context, inputs)["provenance.json"])
    definition = said["predicate"]["buildDefinition"]
    materials = {item["name"]: item["digest"]["sha256"] for item in definition["resolvedDependencies"]}
    assert (said["_type"], said["predicateType"]) == (
        "https://in-toto.io/Statement/v1",
        "https://slsa.dev/provenance/v1",
    )
    assert said["subject"][0]["digest"]["sha256"] == inputs.selection.model.file.sha256
    assert materials["recipe"] == inputs.recipe.sha256
    assert materials["data"] == inputs.data.sha256
    assert materials["source model"] == inputs.selection.model.source.file.sha256
    assert materials["float baseline"] == inputs.baseline.file.sha256
    assert len(materials["code of the steps"]) == 64
    assert definition["internalParameters"]["libraries"]["ai-edge-litert"] == "2.3.0"
    assert said["predicate"]["runDetails"]["metadata"]["invocationId"] == "scheduled-1"


def test_a_shut_gate_releases_nothing(context: Context, winner: Any) -> None:
    """A winner that failed a critical rule is refused with the rule, and nothing is written."""
    inputs = winner(passed=False)

    with pytest.raises(Refused) as refusal:
        publish(inputs, UNSIGNED, context)

    assert refusal.value.problems[0].what == "publish does not release small: its gate is not open"
    assert refusal.value.problems[0].got == "max_drop: 0.01 lost"
    assert files_of(context, inputs) == {}


@pytest.mark.parametrize(
    ("change", "got"),
    [
        ({"findings": ()}, "gate metrics, passed: none"),
        ({"passed": False}, "gate metrics, passed: none"),
        ({"gate": "model"}, "gate model, passed: small"),
    ],
    ids=["no finding", "verdict not passed", "another gate"],
)
def test_a_verdict_without_evidence_releases_nothing(
    context: Context, winner: Any, change: dict[str, Any], got: str
) -> None:
    """The gate is closed by default: no finding, a verdict that did not pass, or one of another gate refuse."""
    inputs = winner()
    verdict = context.store.read(inputs.verdict, Verdict).model_copy(update=change)
    inputs = inputs.model_copy(update={"verdict": context.store.put(verdict, VerdictRef)})

    with pytest.raises(Refused) as refusal:
        publish(inputs, UNSIGNED, context)

    assert refusal.value.problems[0].got == got


def test_a_file_that_was_not_measured_is_not_released(context: Context, winner: Any) -> None:
    """A measurement of another file is no proof of this one."""
    inputs, other = winner(), winner(seed=1)
    foreign = context.store.read(other.selection.measurement, Measurement)
    selection = inputs.selection.model_copy(update={"measurement": context.store.put(foreign, MeasurementRef)})

    with pytest.raises(Refused) as refusal:
        publish(inputs.model_copy(update={"selection": selection}), UNSIGNED, context)

    assert refusal.value.problems[0].what == "publish does not release small: this file was not measured"


def test_without_a_key_nothing_is_written(context: Context, winner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A release that shall be signed is refused without a key, and says how to make one."""
    monkeypatch.delenv(Variable.SIGNING_KEY, raising=False)

    with pytest.raises(Refused) as refusal:
        publish(winner(), SIGNED, context)

    problem = refusal.value.problems[0]
    assert problem.what == "publish cannot sign the release"
    assert problem.expected == "FEATHERLINE_SIGNING_KEY: the path of a PEM key"
    assert "python -m featherline.tasks.releasing.releases.keys FOLDER" in problem.fix
    assert files_of(context, winner()) == {}
