"""Writing a release: files first, then the manifest with a conditional put, then the signature over both.

    files ──► artifacts/<sha256> ──► releases/<name>/<version>/ ──► manifest.json ──► model.sig

Of two writers of one release the first manifest stays. Whoever finds a manifest completes its release from the
artifacts: so a writer that lost the race, or one that comes back after a crash, leaves exactly what the manifest says.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tasks.contracts.artifacts import ArtifactRef, Release
from tasks.contracts.refusal import refuse
from tasks.releases.manifest import MANIFEST, SIGNATURE, File, Manifest, folder_of, no_release, read_manifest
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
    prefix = folder_of(name, model_sha256)
    for file, ref in files.items():
        with store.fetched(ref) as path:
            store.blobs.upload(f"{prefix}/{file}", path)
    if store.blobs.create(f"{prefix}/{MANIFEST}", manifest.to_json()):
        return manifest.release(store)
    complete(store, name, model_sha256)
    first = read_manifest(store, name, model_sha256)
    if first is None:
        raise no_release(store, name, model_sha256)
    return first.release(store)


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
        said = manifest.files[file]
        ref = ArtifactRef(
            uri=f"{store.uri}/artifacts/{said.sha256}", sha256=said.sha256, bytes=said.bytes, kind="release"
        )
        if not store.has(ref):
            raise refuse(
                f"the release {store.uri}/{prefix} lost {file}",
                expected=f"{said.bytes} bytes that hash to {said.sha256}, there or under artifacts/",
                got="nothing",
                fix="restore it from a backup, or delete the folder of the release and run publish again",
            )
        with store.fetched(ref) as path:
            store.blobs.upload(f"{prefix}/{file}", path)
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
