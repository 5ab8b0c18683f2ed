"""Where a release comes from, as an in-toto statement with the SLSA v1 provenance predicate.

recipe, data, model before its conversion, code, libraries ──► what was built, from what, by which run, in which image
"""

from __future__ import annotations

import platform
from typing import Any

from featherline.tasks.contracts.request import Provenance
from featherline.tasks.contracts.steps.publish import PublishInputs
from featherline.tasks.releasing.releases.manifest import GOLDEN, MODEL
from featherline.tasks.running.code_closure import code_digest, every_library

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"
BUILD = "urn:featherline:retrain-and-compress:1"
"""Names the meaning of the parameters below."""
BASELINE = "float baseline"
"""The name of the dependency that can be the teacher of a later run."""


def statement(inputs: PublishInputs, name: str, provenance: Provenance, image: str = "") -> dict[str, Any]:
    """Return the statement. It holds no time of its own, so that a retry of a run says the same.

    Args:
        inputs: What is released.
        name: Of the model.
        provenance: Which run made it.
        image: The digest of the image that it was published in; empty outside a container.
    """
    model = inputs.selection.model
    return {
        "_type": STATEMENT,
        "subject": [
            {"name": MODEL, "digest": {"sha256": model.file.sha256}},
            {"name": GOLDEN, "digest": {"sha256": model.golden.sha256}},
        ],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD,
                "externalParameters": {
                    "model": name,
                    "recipe": provenance.recipe,
                    "candidate": inputs.selection.winner,
                    "scheme": model.scheme,
                },
                "internalParameters": {"stages": list(model.source.stages), "libraries": every_library()},
                "resolvedDependencies": [
                    _material("recipe", inputs.recipe.uri, inputs.recipe.sha256),
                    _material("data", inputs.data.uri, inputs.data.sha256),
                    _material("source model", model.source.file.uri, model.source.file.sha256),
                    _material(BASELINE, inputs.baseline.file.uri, inputs.baseline.file.sha256),
                    _material("code of the steps", "pkg:pypi/featherline", code_digest()),
                ],
            },
            "runDetails": {
                "builder": {"id": BUILD, "version": {"python": platform.python_version(), "image": image}},
                "metadata": {"invocationId": provenance.run_id},
                "byproducts": [
                    _material("measurement", inputs.selection.measurement.uri, inputs.selection.measurement.sha256),
                    _material("verdict", inputs.verdict.uri, inputs.verdict.sha256),
                ],
            },
        },
    }


def _material(name: str, uri: str, sha256: str) -> dict[str, Any]:
    return {"name": name, "uri": uri, "digest": {"sha256": sha256}}
