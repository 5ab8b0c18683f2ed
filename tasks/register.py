"""Register: give a release a number in the model registry, and the alias `challenger`.

    release, its gate open ──► [register] ──► version 3 of the model, challenger ──► 3

A model that has a version already gets no second one, whoever retries or runs again. `challenger` is the version that
was registered last and stays there: a version that is champion and challenger has won.

    python -m tasks register --request request.json --result result.json --store var/store
"""

from __future__ import annotations

from tasks.context import Context
from tasks.contracts.measurement import Measurement, Verdict
from tasks.contracts.references import MeasurementRef, Release
from tasks.contracts.refusal import refuse
from tasks.contracts.release import RegisterInputs, RegisterOutputs, RegisterParams, Registration
from tasks.registries import ModelRegistry, open_registry
from tasks.registries.registry import Move, Submission, Version
from tasks.releases.verification import fetched


def register(inputs: RegisterInputs, params: RegisterParams, context: Context) -> RegisterOutputs:
    """Find or make the version of a release, and point the alias at it.

    Raises:
        Refused: The release is not whole, its verdict is not open, or the registry is out of reach.
    """
    release = inputs.release
    registry = open_registry(context)
    found = registry.find(release.name, release.model_sha256)
    version = found or _submit(registry, release, context)
    holder = registry.aliases(release.name).get(params.alias)
    if holder != version.version:
        registry.set_alias(release.name, params.alias, Move(version=version.version), expected=holder)
    done_before = found is not None and holder == version.version
    print(f"version {version.version} of {release.name} in {registry.address}, alias {params.alias}")
    registration = Registration(
        registry=registry.address,
        name=release.name,
        version=version.version,
        alias=params.alias,
        model_sha256=version.model_sha256,
    )
    return RegisterOutputs(registration=registration, release=release, done_before=done_before)


def _submit(registry: ModelRegistry, release: Release, context: Context) -> Version:
    with fetched(context.store, release) as (folder, manifest):
        measurement = Measurement.model_validate_json((folder / "measurement.json").read_bytes())
        verdict = Verdict.model_validate_json((folder / "verdict.json").read_bytes())
        if measurement.candidate not in verdict.passed_candidates() or verdict.gate != "metrics":
            raise refuse(
                f"register does not take {release.uri}: its gate is not open",
                expected=f"a verdict of the gate metrics that {measurement.candidate} passed",
                got=f"gate {verdict.gate}, passed: {', '.join(sorted(verdict.passed_candidates())) or 'none'}",
                fix="run validate_metrics and publish again; a release is not made by hand",
            )
        said = manifest.files["measurement.json"]
        ref = MeasurementRef(uri=f"{context.store.uri}/artifacts/{said.sha256}", sha256=said.sha256, bytes=said.bytes)
        return registry.register(Submission(release, folder, measurement, ref, context.provenance.run_id))
