"""Writing a release: a claim, the files, the manifest with a conditional put, the signature over both, the claim goes.

    claims/<name>/<version>.json ──► files from artifacts/<sha256> ──► manifest.json ──► model.sig, the claim is gone

The claim is the manifest that the first writer wants. Others wait until it is signed; where nothing is signed they
write it to its end. Nothing is signed but what the signer's own run made: a release that lies there unsigned is held
against that (`tasks/releasing/releases/held.py`), and what is not the same is refused, or moved aside and written anew.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from pydantic import ValidationError

from featherline.tasks.contracts.references import ArtifactRef, Release
from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.contracts.request import Variable
from featherline.tasks.contracts.stored import OtherFormat
from featherline.tasks.releasing.releases.held import fits_itself, is_anothers
from featherline.tasks.releasing.releases.keys import write_public_half
from featherline.tasks.releasing.releases.manifest import (
    MANIFEST,
    SIGNATURE,
    File,
    Manifest,
    aside,
    folder_of,
    read_manifest,
)
from featherline.tasks.releasing.releases.verification import check_signature, fetched, is_signed
from featherline.tasks.store.artifacts import Store

WAIT_S = 20.0
"""For another writer to go on. One that died leaves its claim, and the next one takes it over."""
EVERY_S = 0.25
ROUNDS = 5
"""How often other writers may come between before one gives up."""


class ChangedMeanwhileError(Exception):
    """Other writers put their release where ours was about to be signed; a retry finds it."""


def settle(store: Store, wanted: Manifest, private_key: Path | None) -> tuple[Release, bool]:
    """Leave a complete release of a model in the store, signed where there is a key.

    Args:
        store: Holds all files of the manifest as artifacts.
        wanted: The release as this run made it.
        private_key: Signs it.

    Returns:
        The release, and whether nothing was to be done.

    Raises:
        Refused: What lies there is damaged, or was changed.
    """
    if private_key is None:
        return _unsigned(store, wanted)
    for _ in range(ROUNDS):
        there = read_manifest(store, wanted.name, wanted.model_sha256)
        if there is not None and is_signed(store, there.release(store)):
            restored = _restore(store, there)
            check_signed(store, there.release(store), private_key)
            return there.release(store), not restored
        crashed = _claim(store, wanted)
        if crashed is None:
            continue
        there = read_manifest(store, wanted.name, wanted.model_sha256)
        try:
            there = _own(store, there, wanted, crashed=crashed)
            signed = _sign(store, there, wanted, private_key)
        except BaseException:
            _give_back(store, wanted)
            raise
        if signed:
            _give_back(store, wanted)
            return there.release(store), False
    raise ChangedMeanwhileError(f"{store.uri}/{_prefix(wanted)} has other writers")


def _unsigned(store: Store, wanted: Manifest) -> tuple[Release, bool]:
    """Write the release, or leave the one that is there, or what another began: without signatures they are equal."""
    there = read_manifest(store, wanted.name, wanted.model_sha256)
    if there is not None:
        fits_itself(store, there)
        return there.release(store), not _restore(store, there)
    claim = _claim_key(wanted)
    if not store.blobs.create(claim, wanted.to_json()):
        first = _first(store, wanted)
        if first is None:
            store.blobs.replace(claim, wanted.to_json())
        wanted = first or wanted
    there = read_manifest(store, wanted.name, wanted.model_sha256) or _write(store, wanted)
    store.blobs.delete(claim)
    return there.release(store), False


def _first(store: Store, wanted: Manifest) -> Manifest | None:
    """Return the release that another writer claimed, where all its files can be had."""
    data = store.blobs.read(_claim_key(wanted))
    try:
        first = Manifest.from_json(data or b"")
    except (ValidationError, OtherFormat):
        return None
    same = (first.name, first.model_sha256, first.files.keys()) == (
        wanted.name,
        wanted.model_sha256,
        wanted.files.keys(),
    )
    return first if same and all(store.has(_artifact(store, said)) for said in first.files.values()) else None


def _claim(store: Store, wanted: Manifest) -> bool | None:
    """Claim the release for `wanted`, after a wait for whoever claimed it before.

    Returns:
        False for a claim of our own, True where one was taken over from a writer that is dead, None where the other
        writer finished: then there is something to look at.
    """
    key, ours = _claim_key(wanted), wanted.to_json()
    if store.blobs.create(key, ours):
        return False
    seen: object = None
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        claim = store.blobs.read(key)
        if claim == ours:
            return False
        if claim is None or store.blobs.size(f"{_prefix(wanted)}/{SIGNATURE}") is not None:
            return None
        state = (claim, list(store.blobs.keys(f"{_prefix(wanted)}/")))
        if state != seen:  # it goes on
            seen, end = state, time.monotonic() + WAIT_S
        time.sleep(EVERY_S)
    print(f"{_prefix(wanted)} was claimed by a writer that does not go on: taken over")
    store.blobs.replace(key, ours)
    return True


def _give_back(store: Store, wanted: Manifest) -> None:
    """Remove the claim, unless it is another's by now."""
    if store.blobs.read(_claim_key(wanted)) == wanted.to_json():
        store.blobs.delete(_claim_key(wanted))


def _own(store: Store, there: Manifest | None, wanted: Manifest, *, crashed: bool) -> Manifest:
    """Return the manifest of what may be signed: the run's own, written where it was not there."""
    if there is not None and there != wanted:
        if not crashed:
            is_anothers(store, there, wanted)
        _set_aside(store, there)
        there = None
    return there or _write(store, wanted)


def _write(store: Store, wanted: Manifest) -> Manifest:
    for file, said in wanted.files.items():
        _put(store, wanted, file, said)
    store.blobs.create(f"{_prefix(wanted)}/{MANIFEST}", wanted.to_json())
    return read_manifest(store, wanted.name, wanted.model_sha256) or wanted


def _set_aside(store: Store, there: Manifest) -> None:
    """Move a release that is another run's out of the way, kept for who wants to see it."""
    target = f"superseded/{there.name}/{there.version}.{time.time_ns()}"
    for key in list(store.blobs.keys(f"{_prefix(there)}/")):
        store.blobs.move(key, f"{target}/{key.removeprefix(f'{_prefix(there)}/')}")
    print(f"{_prefix(there)} was another run's and not signed: now {target}")


def _restore(store: Store, manifest: Manifest) -> bool:
    """Put back the files of a release that are gone or have another size. Returns whether there were any.

    Raises:
        Refused: A file is gone from the release and from the artifacts.
    """
    prefix = _prefix(manifest)
    gone = [file for file, said in manifest.files.items() if store.blobs.size(f"{prefix}/{file}") != said.bytes]
    for file in gone:
        _put(store, manifest, file, manifest.files[file])
        print(f"restored {prefix}/{file}")
    return bool(gone)


def _sign(store: Store, there: Manifest, wanted: Manifest, private_key: Path) -> bool:
    """Sign a release, from a copy whose digests were checked. Returns False where another came between.

    Raises:
        Refused: A file of the release is not what its manifest says.
    """
    from featherline.tasks.releasing.releases.signing import sign  # noqa: PLC0415 - 0.5 s that only a new signature costs

    if there != wanted:
        return False
    _restore(store, there)
    key, claim = f"{_prefix(there)}/{SIGNATURE}", _claim_key(wanted)
    with (
        fetched(store, there.release(store)) as (folder, _),
        tempfile.TemporaryDirectory(prefix="featherline-") as name,
    ):
        signature = Path(name, SIGNATURE)
        sign(folder, signature, private_key)
        if store.blobs.read(claim) != wanted.to_json() or not store.blobs.create(key, signature.read_bytes()):
            return False
    if store.blobs.read(claim) == wanted.to_json():
        return True
    store.blobs.delete(key)
    return False


def check_signed(store: Store, release: Release, private_key: Path) -> None:
    """See that a release is whole, and was signed by our own key.

    Raises:
        Refused: It is not.
    """
    with fetched(store, release) as (folder, _), tempfile.TemporaryDirectory(prefix="featherline-") as name:
        public = Path(name, "verify_key.pem")
        write_public_half(private_key, public)
        check_signature(store, release, folder, public, key=f"that {Variable.SIGNING_KEY} names")


def _put(store: Store, manifest: Manifest, file: str, said: File) -> None:
    prefix, ref = _prefix(manifest), _artifact(store, said)
    if not store.has(ref):
        raise refuse(
            f"the release {store.uri}/{prefix} lost {file}",
            expected=f"{said.bytes} bytes that hash to {said.sha256}, there or under artifacts/",
            got="nothing",
            fix=f"restore it from a backup, or {aside(prefix)}",
        )
    with store.fetched(ref) as path:
        store.blobs.upload(f"{prefix}/{file}", path)


def _artifact(store: Store, said: File) -> ArtifactRef:
    return ArtifactRef(uri=f"{store.uri}/artifacts/{said.sha256}", sha256=said.sha256, bytes=said.bytes, kind="release")


def _prefix(manifest: Manifest) -> str:
    return folder_of(manifest.name, manifest.model_sha256)


def _claim_key(manifest: Manifest) -> str:
    return f"claims/{manifest.name}/{manifest.version}.json"
