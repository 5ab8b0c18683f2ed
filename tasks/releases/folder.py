"""Writing a release: a claim, the files, then the manifest with a conditional put, then the signature over both.

    claims/<name>/<version>.json ──► files from artifacts/<sha256> ──► manifest.json ──► model.sig, the claim is gone

The claim is the manifest that the first writer wants. Whoever comes while it stands, also after a crash, writes that
one to its end: so all writers of a release write the same bytes, and a reader of a manifest finds what it says.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tasks.contracts.references import ArtifactRef, Release
from tasks.contracts.refusal import refuse
from tasks.releases.manifest import MANIFEST, SIGNATURE, File, Manifest, folder_of, read_manifest
from tasks.releases.verification import fetched
from tasks.store import Store


def write(store: Store, name: str, model_sha256: str, files: dict[str, ArtifactRef]) -> Release:
    """Write a release that has no manifest yet, and return what is there then.

    Args:
        store: Where.
        name: Of the model.
        model_sha256: Of its file.
        files: What the folder holds, by file name, all in the store already.
    """
    manifest = Manifest(
        name=name,
        version=model_sha256[:12],
        model_sha256=model_sha256,
        files={file: File(sha256=ref.sha256, bytes=ref.bytes) for file, ref in files.items()},
    )
    claim = f"claims/{name}/{manifest.version}.json"
    if not store.blobs.create(claim, manifest.to_json()) and (first := store.blobs.read(claim)) is not None:
        manifest = Manifest.model_validate_json(first)
    published = read_manifest(store, name, model_sha256)
    if published is None:
        for file, said in manifest.files.items():
            _put(store, manifest, file, said)
        store.blobs.create(f"{folder_of(name, model_sha256)}/{MANIFEST}", manifest.to_json())
        published = manifest
    store.blobs.delete(claim)
    return published.release(store)


def complete(store: Store, name: str, model_sha256: str) -> bool | None:
    """Restore the files of a release that are gone or have another size.

    Returns:
        True where nothing was missing, False where something was restored, None where there is no manifest.

    Raises:
        Refused: A file is gone from the release and from the artifacts.
    """
    manifest = read_manifest(store, name, model_sha256)
    if manifest is None:
        return None
    prefix = folder_of(name, model_sha256)
    gone = [file for file, said in manifest.files.items() if store.blobs.size(f"{prefix}/{file}") != said.bytes]
    for file in gone:
        _put(store, manifest, file, manifest.files[file])
        print(f"restored {prefix}/{file}")
    return not gone


def add_signature(store: Store, release: Release, private_key: Path) -> bool:
    """Sign a complete release as it lies in the store. Returns False where it has a signature already.

    Raises:
        Refused: A file of the release is not what its manifest says.
    """
    key = f"{folder_of(release.name, release.model_sha256)}/{SIGNATURE}"
    if store.blobs.size(key) is not None:
        return False
    from tasks.releases.signing import sign  # noqa: PLC0415 - 0.5 s that only a new signature costs

    with fetched(store, release) as (folder, _), tempfile.TemporaryDirectory(prefix="featherline-") as outside:
        signature = Path(outside, SIGNATURE)
        sign(folder, signature, private_key)
        return store.blobs.create(key, signature.read_bytes())


def _put(store: Store, manifest: Manifest, file: str, said: File) -> None:
    prefix = folder_of(manifest.name, manifest.model_sha256)
    ref = ArtifactRef(uri=f"{store.uri}/artifacts/{said.sha256}", sha256=said.sha256, bytes=said.bytes, kind="release")
    if not store.has(ref):
        raise refuse(
            f"the release {store.uri}/{prefix} lost {file}",
            expected=f"{said.bytes} bytes that hash to {said.sha256}, there or under artifacts/",
            got="nothing",
            fix=f"restore it from a backup, or delete {prefix} and claims/{manifest.name} and run publish again",
        )
    with store.fetched(ref) as path:
        store.blobs.upload(f"{prefix}/{file}", path)
