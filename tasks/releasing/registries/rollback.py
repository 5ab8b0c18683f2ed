"""Rollback: the alias champion goes back to the version that had it before.

    moves: 1, 2, 3 ──► [rollback] ──► 2 ──► [rollback] ──► 1 ──► refused

The version's release is verified first: nothing that was damaged or exchanged becomes champion again.
"""

from __future__ import annotations

from collections.abc import Sequence

from featherline.tasks.contracts.base import Contract
from featherline.tasks.contracts.references import Release
from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.releasing.registries.opening import open_registry
from featherline.tasks.releasing.registries.registry import CHAMPION, Move, Version
from featherline.tasks.releasing.releases.manifest import release_of
from featherline.tasks.releasing.releases.verification import verify
from featherline.tasks.running.context import Context


class RolledBack(Contract):
    """What a rollback did."""

    name: str
    alias: str
    replaced: str
    """The version that had the alias."""
    version: str
    """The version that has it now."""
    release: Release


def holder_before(moves: Sequence[Move], now: str) -> str | None:
    """Return the version that had the alias before `now` got it by a promotion; None where there was none.

    A rollback undoes promotions: after 1, 2, back to 1, the version before 1 is what preceded 1, not 2.

    Args:
        moves: The first one first.
        now: The version that holds the alias, also where it was moved by hand and no move tells of it.
    """
    line: list[str] = []
    for move in moves:
        if move.version in line and move.action == "rollback":
            line = _up_to(line, move.version)
        elif not line or line[-1] != move.version:
            line.append(move.version)
    line = _up_to(line, now) if now in line else [*line, now]
    return line[-2] if len(line) > 1 else None


def rollback(name: str, context: Context, *, alias: str = CHAMPION, verify_signature: bool = True) -> RolledBack:
    """Move an alias back, after the release that it goes to was verified.

    Raises:
        Refused: Nothing holds the alias, or nothing held it before, or the release does not verify.
    """
    registry = open_registry(context)
    now = registry.get(name, f"@{alias}")
    if now is None:
        known = registry.list(name)
        raise refuse(
            f"rollback finds no {alias} of {name}",
            expected=f"a model with the alias {alias} in the registry {registry.address}",
            got=f"{len(known)} versions without it" if known else "no model of this name",
            fix="correct the name, or promote a version first",
        )
    before = holder_before(registry.moves(name, alias), now.version)
    version = registry.get(name, before) if before else None
    if version is None:
        raise refuse(
            f"rollback finds nothing before version {now.version} of {name}",
            expected=f"an earlier version that had the alias {alias}",
            got="none" if before is None else f"version {before}, which is gone from the registry",
            fix="run the pipeline to make another version; it moves the alias forward",
        )
    release = _verified(version, context, verify_signature=verify_signature)
    registry.set_alias(name, alias, Move(version=version.version, action="rollback"), expected=now.version)
    print(f"{alias} of {name} is version {version.version} again, no longer {now.version}")
    return RolledBack(name=name, alias=alias, replaced=now.version, version=version.version, release=release)


def _verified(version: Version, context: Context, *, verify_signature: bool) -> Release:
    release = release_of(context.store, version.name, version.model_sha256)
    verify(context.store, release, signature=verify_signature)
    return release


def _up_to(line: list[str], version: str) -> list[str]:
    last = len(line) - 1 - line[::-1].index(version)
    return line[: last + 1]
