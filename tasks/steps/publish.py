"""Publish: put the winner into a release, one self-contained folder that an app team can take and check.

    winner, verdict, report, recipe, data ──► [publish] ──► releases/<name>/<version>/ (`releases.manifest`)

The version is the start of the model file's digest: the same model is the same release, and its first report stays.
Nothing is released without an open gate. It always runs, and finds its own work done.

    python -m featherline.tasks publish --request request.json --result result.json --store var/store
"""

from __future__ import annotations

from featherline.tasks.contracts.base import canonical_json
from featherline.tasks.contracts.measurement import Measurement, Verdict
from featherline.tasks.contracts.references import ArtifactRef, PageRef
from featherline.tasks.contracts.refusal import Problem, Refused, examples
from featherline.tasks.contracts.steps.publish import PublishInputs, PublishOutputs, PublishParams
from featherline.tasks.releasing.releases import folder
from featherline.tasks.releasing.releases.keys import signing_key
from featherline.tasks.releasing.releases.manifest import GOLDEN, MODEL, PROVENANCE, manifest_of
from featherline.tasks.releasing.releases.provenance import statement
from featherline.tasks.running.context import Context


def gate_problems(verdict: Verdict, measurement: Measurement, inputs: PublishInputs) -> list[Problem]:
    """Return why the winner may not be released; nothing where its gate is open.

    Args:
        verdict: Of the gate of the metrics.
        measurement: What the gate judged of the winner.
        inputs: What is to be released.
    """
    winner, file = inputs.selection.winner, inputs.selection.model.file
    problems = []
    passed = verdict.passed_candidates()
    if verdict.gate != "metrics" or winner not in passed:
        failed = [f"{item.rule}: {item.got}" for item in verdict.findings if item.subject == winner and not item.passed]
        problems.append(
            Problem(
                f"publish does not release {winner}: its gate is not open",
                "a verdict of the gate metrics in which it has critical findings and passed them all",
                examples(failed) or f"gate {verdict.gate}, passed: {examples(sorted(passed)) or 'none'}",
                "release a candidate that passed, or correct what its findings name",
            )
        )
    if (measurement.candidate, measurement.file.sha256) != (winner, file.sha256):
        problems.append(
            Problem(
                f"publish does not release {winner}: this file was not measured",
                f"a measurement of {winner}, of the file {file.sha256}",
                f"a measurement of {measurement.candidate}, of the file {measurement.file.sha256}",
                "run evaluate and validate_metrics on the file that is to be released",
            )
        )
    return problems


def publish(inputs: PublishInputs, params: PublishParams, context: Context) -> PublishOutputs:
    """Write the release unless it is there, sign it unless it is signed. Nothing is signed but what this run made.

    Raises:
        Refused: The winner's gate is not open, another file was measured, there is no key to sign with, or what lies
            under the release's name is damaged or was changed.
    """
    store = context.store
    selection = inputs.selection
    verdict = store.read(inputs.verdict, Verdict)
    measurement = store.read(selection.measurement, Measurement)
    if problems := gate_problems(verdict, measurement, inputs):
        raise Refused(*problems)
    private_key = signing_key() if params.sign else None
    wanted = manifest_of(params.name, selection.model.file.sha256, _files(inputs, params, context))
    release, done_before = folder.settle(store, wanted, private_key)
    print(f"release {release.uri}{', as published before' if done_before else ''}")
    return PublishOutputs(release=release, done_before=done_before)


def _files(inputs: PublishInputs, params: PublishParams, context: Context) -> dict[str, ArtifactRef]:
    model = inputs.selection.model
    said = canonical_json(statement(inputs, params.name, context.provenance, context.image))
    return {
        MODEL: model.file,
        GOLDEN: model.golden,
        "MODEL_CARD.md": inputs.report.card,
        "report.html": inputs.report.page,
        "verdict.json": inputs.verdict,
        "measurement.json": inputs.selection.measurement,
        "recipe.json": inputs.recipe,
        PROVENANCE: context.store.put_bytes(said, PageRef),
    }
