"""Verifying a release: every file is what the manifest says, none is missing, none was added, and the signature holds.

store ──► a copy of the release ──► digests against the manifest ──► signature ──► Manifest
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from featherline.tasks.contracts.base import digest
from featherline.tasks.contracts.references import Release
from featherline.tasks.contracts.refusal import Problem, Refused, refuse
from featherline.tasks.releasing.releases.keys import verify_key
from featherline.tasks.releasing.releases.manifest import (
    MANIFEST,
    SIGNATURE,
    File,
    Manifest,
    file_of,
    folder_of,
    no_release,
    read_manifest,
)
from featherline.tasks.store.artifacts import Store


def verify(store: Store, release: Release, *, signature: bool) -> Manifest:
    """See that a release is whole and nobody changed it.

    Args:
        store: Where it lies.
        release: What it must be.
        signature: Whether it must be signed by the deployment's key.

    Raises:
        Refused: It is not. Every file that is wrong is named.
    """
    public_key = verify_key() if signature else None
    with fetched(store, release) as (folder, manifest):
        if public_key is not None:
            check_signature(store, release, folder, public_key)
    return manifest


def check_signature(store: Store, release: Release, folder: Path, public_key: Path, *, key: str = "") -> None:
    """See that the files of `folder`, a copy of the release, were signed by the holder of a key.

    Args:
        store: Where the signature lies.
        release: What must be signed.
        folder: A copy of it.
        public_key: PEM.
        key: What the key is called in a refusal, where its path says nothing.

    Raises:
        Refused: They were not, or there is no signature.
    """
    from featherline.tasks.releasing.releases.signing import check  # noqa: PLC0415 - 0.5 s that only a signed release costs

    with tempfile.NamedTemporaryFile(prefix="featherline-", suffix=".sig") as file:
        if not store.blobs.download(f"{_prefix(release)}/{SIGNATURE}", Path(file.name)):
            raise _unsigned(release)
        check(folder, Path(file.name), public_key, release.uri, key=key)


def is_signed(store: Store, release: Release) -> bool:
    """Return whether a signature lies there, whatever it is worth."""
    return store.blobs.size(f"{_prefix(release)}/{SIGNATURE}") is not None


@contextmanager
def fetched(store: Store, release: Release) -> Iterator[tuple[Path, Manifest]]:
    """Give a copy of a release, its digests checked, and its manifest, for as long as the block runs.

    Raises:
        Refused: The release is not complete, or a file of it is not what the manifest says.
    """
    manifest = read_manifest(store, release.name, release.model_sha256)
    if manifest is None:
        raise no_release(store, release.name, release.model_sha256)
    if (actual := digest(manifest.to_json())) != release.manifest_sha256:
        raise refuse(
            f"the release {release.uri} is not the one that was published",
            expected=f"a manifest that hashes to {release.manifest_sha256}",
            got=actual,
            fix="find out who changed it; clear publish and what follows it: publish holds what lies there against "
            "what its run made, and refuses what is something else",
        )
    with tempfile.TemporaryDirectory(prefix="featherline-release-") as name:
        folder = Path(name, "release")
        folder.mkdir()
        problems = [*_damaged(store, release, manifest, folder), *_added(store, release, manifest)]
        if problems:
            raise Refused(*problems)
        (folder / MANIFEST).write_bytes(manifest.to_json())
        yield folder, manifest


def _damaged(store: Store, release: Release, manifest: Manifest, folder: Path) -> Iterator[Problem]:
    for name, expected in sorted(manifest.files.items()):
        path = folder / name
        got = file_of(path) if store.blobs.download(f"{_prefix(release)}/{name}", path) else None
        if got != expected:
            yield Problem(
                f"{release.uri}/{name} is not what was published",
                _words(expected),
                _words(got) if got else "nothing",
                f"find out who changed it; then delete {name} and run publish again: it is restored from the artifact "
                "of the digest that the manifest names",
            )


def _added(store: Store, release: Release, manifest: Manifest) -> Iterator[Problem]:
    known = {*manifest.files, MANIFEST, SIGNATURE}
    for key in store.blobs.keys(f"{_prefix(release)}/"):
        name = key.removeprefix(f"{_prefix(release)}/")
        if name not in known:
            yield Problem(
                f"{release.uri}/{name} was not published",
                f"only the {len(known)} files of the release",
                name,
                "remove it, and find out who put it there",
            )


def _unsigned(release: Release) -> Refused:
    return refuse(
        f"the release {release.uri} is not signed",
        expected=f"{SIGNATURE} in its folder (verify_signature is true)",
        got="nothing",
        fix="run publish with release.sign: true: it signs what its run made; or set release.sign: false",
    )


def _words(file: File) -> str:
    return f"{file.bytes} bytes that hash to {file.sha256}"


def _prefix(release: Release) -> str:
    return folder_of(release.name, release.model_sha256)
