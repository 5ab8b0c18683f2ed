"""The manifest of a release: what its folder holds. It is written last, so a release that has one is complete.

releases/<name>/<version>/
    model.tflite  golden.npz  MODEL_CARD.md  report.html
    verdict.json  measurement.json  recipe.json  provenance.json
    manifest.json       all of the above, with digests; its model is the one that the release is named by
    model.sig           over all of the above, the manifest too
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from featherline.tasks.contracts.base import Contract, Name, Sha256, digest
from featherline.tasks.contracts.references import ArtifactRef, Release
from featherline.tasks.contracts.refusal import Refused, refuse
from featherline.tasks.contracts.stored import OtherFormat, Stored
from featherline.tasks.store.artifacts import Store

MANIFEST = "manifest.json"
SIGNATURE = "model.sig"
MODEL = "model.tflite"
GOLDEN = "golden.npz"
PROVENANCE = "provenance.json"

FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
"""No folders: a manifest cannot name what lies outside its release."""


class File(Contract):
    """What one file must be."""

    sha256: Sha256
    bytes: int = Field(ge=0)


def file_of(path: Path) -> File:
    """Return what a file of this machine is."""
    with path.open("rb") as content:
        return File(sha256=hashlib.file_digest(content, "sha256").hexdigest(), bytes=path.stat().st_size)


class Manifest(Stored):
    """All files of a release, but the manifest itself and the signature."""

    remedy = "publish it again"

    format: Literal[1] = 1
    name: Name
    version: str = Field(pattern=r"^[0-9a-f]{12}$")
    model_sha256: Sha256
    files: dict[FileName, File]

    @model_validator(mode="after")
    def _holds_its_model(self) -> Self:
        """See that the manifest names the model that the release is named by."""
        said = self.files.get(MODEL)
        if said is None or said.sha256 != self.model_sha256:
            raise ValueError(f"{MODEL} is {said.sha256 if said else 'absent'}, the release's model {self.model_sha256}")
        if self.version != self.model_sha256[:12]:
            raise ValueError(f"version {self.version} is not the start of {self.model_sha256}")
        return self

    def release(self, store: Store) -> Release:
        """Return what other steps are told of this release."""
        return Release(
            name=self.name,
            version=self.version,
            uri=f"{store.uri}/{folder_of(self.name, self.model_sha256)}",
            model_sha256=self.model_sha256,
            manifest_sha256=digest(self.to_json()),
        )


def manifest_of(name: str, model_sha256: str, files: dict[str, ArtifactRef]) -> Manifest:
    """Return the manifest of a release whose files are these artifacts."""
    said = {file: File(sha256=ref.sha256, bytes=ref.bytes) for file, ref in files.items()}
    return Manifest(name=name, version=model_sha256[:12], model_sha256=model_sha256, files=said)


def folder_of(name: str, model_sha256: str) -> str:
    """Return the prefix of a release's keys. The same model is the same release."""
    return f"releases/{name}/{model_sha256[:12]}"


def read_manifest(store: Store, name: str, model_sha256: str) -> Manifest | None:
    """Return the manifest of a release, or None where the release is not complete.

    Raises:
        Refused: It is no manifest, or one of another model.
    """
    key = f"{folder_of(name, model_sha256)}/{MANIFEST}"
    data = store.blobs.read(key)
    if data is None:
        return None
    try:
        manifest = Manifest.from_json(data)
    except OtherFormat as other:
        raise other.at(f"{store.uri}/{key}") from None
    except ValidationError as error:
        first = error.errors()[0]
        got = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise _not_ours(store, key, "a manifest as `publish` writes it", got) from None
    if manifest.to_json() != data:
        raise _not_ours(store, key, "a manifest as `publish` writes it", "the same values in other bytes")
    if (manifest.name, manifest.model_sha256) != (name, model_sha256):
        raise _not_ours(store, key, f"{name} {model_sha256[:16]}…", f"{manifest.name} {manifest.model_sha256[:16]}…")
    return manifest


def release_of(store: Store, name: str, model_sha256: str) -> Release:
    """Return the complete release of a model.

    Raises:
        Refused: There is none.
    """
    manifest = read_manifest(store, name, model_sha256)
    if manifest is None:
        raise no_release(store, name, model_sha256)
    return manifest.release(store)


def no_release(store: Store, name: str, model_sha256: str) -> Refused:
    """Return the refusal for a release that is not there, or not complete."""
    folder = folder_of(name, model_sha256)
    names = sorted(key.rpartition("/")[2] for key in store.blobs.keys(f"{folder}/"))
    return refuse(
        f"there is no complete release {name} {model_sha256[:12]}",
        expected=f"{store.uri}/{folder}/{MANIFEST}",
        got=f"{len(names)} files, no manifest" if names else "nothing",
        fix="run publish again: it completes what it finds",
    )


def aside(folder: str) -> str:
    """Return what a person does with a release that was changed. Nothing of what lies there can become signed by it."""
    return f"move {folder} out of the store and run publish again: it writes anew what the run made, and nothing else"


def _not_ours(store: Store, key: str, expected: str, got: str) -> Refused:
    return refuse(
        f"{store.uri}/{key} is not the manifest of this release",
        expected=expected,
        got=got,
        fix=f"find out who changed it; then {aside(key.rpartition('/')[0])}",
    )
