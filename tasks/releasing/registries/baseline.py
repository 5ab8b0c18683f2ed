"""The float model that a registered version was made from, so that it can be another one's teacher.

models:/digits@champion ──► version ──► its release's provenance ──► the float baseline in the store
"""

from __future__ import annotations

import json
import re

from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.releasing.registries.registry import ModelRegistry
from featherline.tasks.releasing.releases.manifest import folder_of
from featherline.tasks.releasing.releases.provenance import BASELINE
from featherline.tasks.store.artifacts import Store

REFERENCE = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>[0-9]+))")
"""As MLflow writes a version."""
SHA256 = re.compile(r"[0-9a-f]{64}")


def float_baseline(reference: str, registry: ModelRegistry, store: Store) -> str:
    """Return where the float baseline of a registered version lies.

    Args:
        reference: `models:/NAME@ALIAS` or `models:/NAME/VERSION`.
        registry: Knows the version.
        store: Holds its release and the model.

    Raises:
        Refused: It is no such reference, there is no such version, or the store has its float model no more.
    """
    match = REFERENCE.fullmatch(reference)
    if match is None:
        raise refuse(
            f"the teacher {reference} names no version",
            expected="models:/NAME@ALIAS or models:/NAME/VERSION, or a model file",
            got=reference,
            fix="correct the teacher, such as models:/digits@champion",
        )
    name, alias = match["name"], match["alias"]
    version = registry.get(name, f"@{alias}" if alias else match["version"])
    if version is None:
        known = [f"models:/{name}/{one.version}" for one in registry.list(name)]
        known += [f"models:/{name}@{one}" for one in registry.aliases(name)] if known else []
        raise refuse(
            f"there is no teacher {reference}",
            expected=f"a version or an alias of {name} in {registry.address}",
            got=", ".join(known) or "no version at all",
            fix="take one of these, or register a version first",
        )
    said = store.blobs.read(f"{folder_of(name, version.model_sha256)}/provenance.json")
    try:
        materials = json.loads(said)["predicate"]["buildDefinition"]["resolvedDependencies"] if said else []
        digest = next((str(one["digest"]["sha256"]) for one in materials if one["name"] == BASELINE), None)
    except (ValueError, LookupError, TypeError, RecursionError):  # damaged: it names nothing
        digest = None
    if digest is None or not SHA256.fullmatch(digest) or store.blobs.size(f"artifacts/{digest}") is None:
        raise refuse(
            f"the teacher {reference} has no float model any more",
            expected=f"the float baseline of version {version.version} under {store.uri}/artifacts",
            got="nothing" if digest else "a release that does not name it",
            fix="retrain it, or give the teacher as a model file",
        )
    return f"{store.uri}/artifacts/{digest}"
