"""Artifacts that are not what they should be: set aside or marked, so that they count as lost until made again.

    does not hash to its name ──► damaged/<sha256>.<when>
    the server gives all else but not this one ──► stays, damaged/<sha256>.unreadable says why

The next who needs it has its maker run again (`tasks/running/execute.py`).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from featherline.tasks.contracts.references import ArtifactRef
from featherline.tasks.contracts.refusal import OutOfReach, Unavailable
from featherline.tasks.store.blobs import Blobs

DAMAGED, UNREADABLE = "damaged/", ".unreadable"


class Damaged(Exception):  # noqa: N818 - what the store is, not what went wrong in the program
    """An artifact is gone, or was not what its reference says. Raised before anything of it is used."""

    def __init__(self, message: str, ref: ArtifactRef) -> None:
        """Keep what is damaged."""
        super().__init__(message)
        self.ref = ref


class Damage:
    """What of a store's artifacts is damaged."""

    def __init__(self, blobs: Blobs) -> None:
        """Look after these blobs."""
        self.blobs = blobs

    def is_whole(self, sha256: str) -> bool:
        """Return whether an artifact lies in the store itself as it should, by its digest."""
        return self.blobs.sha256(f"artifacts/{sha256}") == sha256

    def is_whole_and_unmarked(self, sha256: str, size: int) -> bool:
        """Return whether an artifact is there and need not be written anew. A mark on it is taken away."""
        there = self.blobs.size(f"artifacts/{sha256}")
        if there is None:
            return False
        marked = self.blobs.size(_marker(sha256)) is not None
        whole = there == size and not marked and self.is_whole(sha256)
        if marked:
            self.blobs.delete(_marker(sha256))
        if not whole:
            print(f"artifacts/{sha256} was damaged, written anew")
        return whole

    def unreadable(self) -> frozenset[str]:
        """Return the digests of the artifacts that the store cannot give."""
        names = (key.removeprefix(DAMAGED) for key in self.blobs.keys(DAMAGED) if key.endswith(UNREADABLE))
        return frozenset(name.removesuffix(UNREADABLE) for name in names)

    @contextmanager
    def watched(self, ref: ArtifactRef) -> Iterator[None]:
        """Tell a store that cannot give this one artifact from one that is away.

        A server whose disk has rotted answers with an error of its own for ever, while all else goes well. The artifact
        stays, in case the server finds it again, and is marked: it counts as lost until its maker wrote it anew.

        Raises:
            Damaged: The store does not give it, and gives all else.
        """
        try:
            yield
        except Unavailable as away:
            probe, data = f"{DAMAGED}probe-{time.time_ns()}", ref.sha256.encode()
            try:
                if self.blobs.size(f"artifacts/{ref.sha256}") != ref.bytes:
                    raise away from away.__cause__
                self.blobs.replace(probe, data)
                answers = self.blobs.read(probe) == data
                self.blobs.delete(probe)
                if answers:
                    self.blobs.replace(_marker(ref.sha256), str(away).encode())
            except OutOfReach:
                raise away from away.__cause__
            if not answers:
                raise
            raise self._lost(ref, f"a store that answers, but not for it ({away.problems[0].got})") from away

    def set_aside(self, ref: ArtifactRef, met: tuple[int, str] | None) -> Damaged:
        """Set a damaged artifact aside, unless another was faster, and return what to raise.

        Args:
            ref: What was to be read.
            met: The size and the digest of what was read in its place; None where there was nothing.
        """
        got, aside = "nothing", ""
        if met is not None:
            aside = f"{DAMAGED}{ref.sha256}.{time.time_ns()}"
            got = f"{met[0]} bytes that hash to {met[1]}"
            try:
                if not self.is_whole(ref.sha256):
                    self.blobs.move(f"artifacts/{ref.sha256}", aside)
                    got += f", now {aside}"
            except OutOfReach as refusal:
                got += f", which could not be moved ({refusal.problems[0].got})"
        return self._lost(ref, got)

    def _lost(self, ref: ArtifactRef, got: str) -> Damaged:
        return Damaged(
            f"the store {self.blobs.uri} lost an artifact\n"
            f"  expected  {ref.bytes} bytes of {ref.kind} that hash to {ref.sha256}\n"
            f"  got       {got}\n"
            f"  fix       run again: the step that made it runs anew by itself; or restore it from a backup",
            ref,
        )


def _marker(sha256: str) -> str:
    """Return the key that says that the store cannot give an artifact."""
    return f"{DAMAGED}{sha256}{UNREADABLE}"
