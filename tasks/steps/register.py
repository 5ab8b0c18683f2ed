"""Register: give a release a number in the model registry, and the alias `challenger`.

    release, its gate open ──► [register] ──► version 3 of the model, challenger ──► 3

A model that has a version already gets no second one, whoever retries or runs again. `challenger` is the version that
was registered last and stays there: a version that is champion and challenger has won.

    python -m featherline.tasks register --request request.json --result result.json --store var/store
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from featherline.tasks.contracts.base import Contract
from featherline.tasks.contracts.measurement import Measurement, Verdict
from featherline.tasks.contracts.references import MeasurementRef, Release
from featherline.tasks.contracts.refusal import Refused, refuse
from featherline.tasks.contracts.request import Variable
from featherline.tasks.contracts.steps.register import RegisterInputs, RegisterOutputs, RegisterParams, Registration
from featherline.tasks.contracts.stored import OtherFormat, Stored
from featherline.tasks.releasing.registries.opening import open_registry
from featherline.tasks.releasing.registries.registry import ModelRegistry, Move, Submission, Version
from featherline.tasks.releasing.releases.keys import verify_key
from featherline.tasks.releasing.releases.manifest import aside, folder_of
from featherline.tasks.releasing.releases.verification import check_signature, fetched, is_signed
from featherline.tasks.running.context import Context

C = TypeVar("C", bound=Contract)


def register(inputs: RegisterInputs, params: RegisterParams, context: Context) -> RegisterOutputs:
    """Find or make the version of a release, and point the alias at it.

    Raises:
        Refused: The release is not whole, its verdict is not open, or the registry is out of reach.
    """
    release = inputs.release
    registry = open_registry(context)
    found, version = _version(registry, release, context)
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


def _version(registry: ModelRegistry, release: Release, context: Context) -> tuple[Version | None, Version]:
    """Return the version that was there, and the one that is there now. The release is looked at either way."""
    with fetched(context.store, release) as (folder, manifest):
        if os.environ.get(Variable.VERIFY_KEY) and is_signed(context.store, release):
            check_signature(context.store, release, folder, verify_key())
        measurement = _said(folder / "measurement.json", Measurement, release)
        verdict = _said(folder / "verdict.json", Verdict, release)
        if measurement.candidate not in verdict.passed_candidates() or verdict.gate != "metrics":
            raise refuse(
                f"register does not take {release.uri}: its gate is not open",
                expected=f"a verdict of the gate metrics that {measurement.candidate} passed",
                got=f"gate {verdict.gate}, passed: {', '.join(sorted(verdict.passed_candidates())) or 'none'}",
                fix="run validate_metrics and publish again; a release is not made by hand",
            )
        found = registry.find(release.name, release.model_sha256)
        if found is not None:
            return found, found
        said = manifest.files["measurement.json"]
        ref = MeasurementRef(uri=f"{context.store.uri}/artifacts/{said.sha256}", sha256=said.sha256, bytes=said.bytes)
        return None, registry.register(Submission(release, folder, measurement, ref, context.provenance.run_id))


def _said(path: Path, contract: type[C], release: Release) -> C:
    """Return what a file of a release says. Raises Refused where another version of Featherline wrote it."""
    try:
        data = path.read_bytes()
        return contract.from_json(data) if issubclass(contract, Stored) else contract.model_validate_json(data)
    except OtherFormat as other:
        problem = other.at(f"{release.uri}/{path.name}").problems[0]
        raise Refused(replace(problem, fix=aside(folder_of(release.name, release.model_sha256)))) from None
    except (ValidationError, FileNotFoundError) as error:
        raise refuse(
            f"register cannot read {release.uri}/{path.name}",
            expected=f"a {contract.__name__} of this version",
            got=" ".join(str(error).split())[:200],
            fix=aside(folder_of(release.name, release.model_sha256)),
        ) from None
