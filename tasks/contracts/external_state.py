"""What a step reads outside its inputs, as its parameters name it: kinds of things that can change between two runs.

    Params.external_state(inputs) ──► kinds below ──► running/external_state looks ──► a part of the cache key

A step that reads one of these says so in its contract, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias


@dataclass(frozen=True)
class FilesAt:
    """The names, sizes and times of the files at a place: `digits`, a folder, a file, or `s3://bucket/prefix`."""

    name: str
    place: str


@dataclass(frozen=True)
class BuilderModule:
    """The module of a user's own builder, `module:function`; one of the zoo is part of the code, and adds nothing."""

    name: str
    builder: str


@dataclass(frozen=True)
class AcceptedBefore:
    """What a recipe's gate accepted before this subject."""

    what: Literal["data", "baseline"]
    recipe: str
    subject: str


@dataclass(frozen=True)
class LaneSeconds:
    """How long the lanes of these candidates have worked in this run."""

    candidates: frozenset[str]


@dataclass(frozen=True)
class RefusedSteps:
    """What was refused in this run so far."""


@dataclass(frozen=True)
class ExternalState:
    """What was seen.

    Attributes:
        digests: Of what has some, by name; what is absent has an empty one or none.
        lane_seconds: How long the lanes have worked; None where the step does not ask.
    """

    digests: Mapping[str, str] = field(default_factory=dict)
    lane_seconds: float | None = None

    def ingredients(self) -> dict[str, str]:
        """Return what a cache key holds of it."""
        seconds = {} if self.lane_seconds is None else {"lane_seconds": f"{self.lane_seconds:.1f}"}
        return {**self.digests, **seconds}


External: TypeAlias = FilesAt | BuilderModule | AcceptedBefore | LaneSeconds | RefusedSteps


def files_at(name: str, place: str | None) -> tuple[External, ...]:
    """Return the files at a place that the parameters may name."""
    return (FilesAt(name, place),) if place else ()
