"""Holding a release that lies in the store against what this run made, before it is signed.

its manifest ──► fits its own provenance? ──► no: refused
                 made of the very same (recipe, data, model, code, measurement, verdict)?
                     yes ──► every file must be the run's own, else refused
                     no  ──► another run's: not ours to sign
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from featherline.tasks.contracts.base import digest
from featherline.tasks.contracts.refusal import Problem, Refused
from featherline.tasks.releasing.releases.manifest import GOLDEN, MODEL, PROVENANCE, Manifest, aside, folder_of
from featherline.tasks.store.artifacts import Store

NAMED = {"recipe": "recipe.json", "measurement": "measurement.json", "verdict": "verdict.json"}
"""What the provenance names, and the file that must be it."""


def fits_itself(store: Store, there: Manifest) -> None:
    """See that a release is what its own provenance says it is.

    Raises:
        Refused: It is not.
    """
    said = _statement(store, there)
    problems = [Problem(_what(store, there, PROVENANCE), "a statement as `publish` writes it", str(said), _fix(there))]
    if not isinstance(said, str):
        problems = list(_unlike_its_provenance(store, there, said))
    if problems:
        raise Refused(*problems)


def is_anothers(store: Store, there: Manifest, wanted: Manifest) -> None:
    """See that a release which is not the run's own may be another run's, and not the run's own that was changed.

    Args:
        store: Where it lies.
        there: The release that lies there.
        wanted: The release as this run made it.

    Raises:
        Refused: It does not fit itself, or is said to be made of the very same and differs all the same.
    """
    fits_itself(store, there)
    theirs, ours = _statement(store, there), _statement(store, wanted)
    if isinstance(theirs, str) or isinstance(ours, str) or _of_no_run(theirs) != _of_no_run(ours):
        return
    if problems := list(_unlike(store, there, wanted)):
        raise Refused(*problems)


def _unlike_its_provenance(store: Store, there: Manifest, said: dict[str, Any]) -> Iterator[Problem]:
    definition, details = said["predicate"]["buildDefinition"], said["predicate"]["runDetails"]
    named = {item["name"]: item["digest"]["sha256"] for item in said["subject"]}
    materials = {item["name"]: item for item in (*definition["resolvedDependencies"], *details["byproducts"])}
    named |= {file: materials[name]["digest"]["sha256"] for name, file in NAMED.items()}
    for file in (MODEL, GOLDEN, *NAMED.values()):
        got = there.files[file].sha256 if file in there.files else "no such file"
        if got != named.get(file):
            yield Problem(
                _what(store, there, file), f"{named.get(file)}, as {PROVENANCE} beside it says", got, _fix(there)
            )


def _unlike(store: Store, there: Manifest, wanted: Manifest) -> Iterator[Problem]:
    for file in sorted(there.files.keys() | wanted.files.keys()):
        theirs, ours = there.files.get(file), wanted.files.get(file)
        if file != PROVENANCE and theirs != ours:
            expected = f"{ours.bytes} bytes that hash to {ours.sha256}" if ours else "no such file"
            got = f"{theirs.bytes} bytes that hash to {theirs.sha256}" if theirs else "nothing"
            yield Problem(_what(store, there, file), f"{expected}, as this run made it", got, _fix(there))


def _statement(store: Store, release: Manifest) -> dict[str, Any] | str:
    """Return the provenance that a manifest names, or why it cannot be had."""
    said = release.files.get(PROVENANCE)
    if said is None:
        return "a manifest that names none"
    for key in (f"{folder_of(release.name, release.model_sha256)}/{PROVENANCE}", f"artifacts/{said.sha256}"):
        data = store.blobs.read(key)
        if data is None or digest(data) != said.sha256:
            continue
        try:
            statement: dict[str, Any] = json.loads(data)
            _of_no_run(statement)
            next(_names(statement))
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError, StopIteration) as error:
            return f"{type(error).__name__} where it is read"
        return statement
    return f"nothing that hashes to {said.sha256}"


def _names(said: dict[str, Any]) -> Iterator[list[str]]:
    """Look at every part that is read later, so that a statement of another shape is known here."""
    definition, details = said["predicate"]["buildDefinition"], said["predicate"]["runDetails"]
    items = (*said["subject"], *definition["resolvedDependencies"], *details["byproducts"])
    names = {item["name"]: str(item["digest"]["sha256"]) for item in items}
    yield [names[name] for name in (MODEL, GOLDEN, *NAMED)]


def _of_no_run(said: dict[str, Any]) -> dict[str, Any]:
    """Return a statement without the name of the run and the image that it ran in."""
    statement = copy.deepcopy(said)
    statement["predicate"]["runDetails"]["metadata"]["invocationId"] = ""
    statement["predicate"]["runDetails"]["builder"].pop("version", None)
    return statement


def _what(store: Store, there: Manifest, file: str) -> str:
    return f"publish does not sign {store.uri}/{folder_of(there.name, there.model_sha256)}/{file}"


def _fix(there: Manifest) -> str:
    return f"find out who changed it; then {aside(folder_of(there.name, there.model_sha256))}"
