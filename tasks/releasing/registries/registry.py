"""What a model registry can do, whoever keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from featherline.tasks.contracts.base import Name, Sha256
from featherline.tasks.contracts.measurement import Measurement
from featherline.tasks.contracts.references import Champion, MeasurementRef, Release
from featherline.tasks.contracts.stored import Stored

CHAMPION = "champion"
"""The alias of the version that apps are given, and that a new candidate is compared with."""


class Version(Stored):
    """One registered version."""

    remedy = "register the release again, in a registry of this version"

    format: Literal[1] = 1
    name: Name
    version: str
    """A number, from 1."""
    model_sha256: Sha256
    release_uri: str
    measurement: MeasurementRef
    tags: dict[str, str] = {}

    def champion(self) -> Champion:
        """Return what a gate compares with."""
        return Champion(
            name=self.name,
            version=self.version,
            model_sha256=self.model_sha256,
            release_uri=self.release_uri,
            measurement=self.measurement,
        )


class Move(Stored):
    """One move of an alias."""

    remedy = "promote or roll back again, in a registry of this version"

    format: Literal[1] = 1
    version: str
    action: Literal["promote", "rollback"] = "promote"


@dataclass(frozen=True)
class Submission:
    """What a registry is given.

    Attributes:
        release: Complete, its gate open.
        folder: A copy of all its files on this machine, for as long as the call lasts.
        measurement: What was measured of its model.
        measurement_ref: Where that lies in the store.
        run_id: The pipeline run that registers it.
    """

    release: Release
    folder: Path
    measurement: Measurement
    measurement_ref: MeasurementRef
    run_id: str

    def tags(self) -> dict[str, str]:
        """Return what people search a version by."""
        return {
            "sha256": self.release.model_sha256,
            "release": self.release.version,
            "release_uri": self.release.uri,
            "candidate": self.measurement.candidate,
            "scheme": self.measurement.scheme,
            self.measurement.quality.metric.name: f"{self.measurement.quality.value:.4f}",
            "size_bytes": str(self.measurement.size_bytes),
            "run_id": self.run_id,
        }


class AliasMovedError(Exception):
    """Somebody else moved an alias between our look and our move; a retry looks again."""


class ModelRegistry(Protocol):
    """Numbered versions of models, and aliases that point at them. All methods raise Refused when out of reach."""

    address: str

    def health(self) -> None:
        """See that the registry answers and lets us in.

        Raises:
            Refused: It does not.
        """

    def find(self, name: str, model_sha256: str) -> Version | None:
        """Return the version that holds this very model, or None."""

    def register(self, submission: Submission) -> Version:
        """Return the version that holds the submission's model, made unless it is there."""

    def get(self, name: str, reference: str) -> Version | None:
        """Return a version by its number, or by `@alias`; None where there is none."""

    def list(self, name: str) -> tuple[Version, ...]:
        """Return all versions of a model, the first one first."""

    def champion(self, name: str) -> Champion | None:
        """Return what holds the alias champion, or None."""

    def aliases(self, name: str) -> dict[str, str]:
        """Return the version that each alias points at, by alias."""

    def set_alias(self, name: str, alias: str, move: Move, *, expected: str | None) -> None:
        """Point an alias at a version and remember the move.

        Args:
            name: Of the model.
            alias: What moves.
            move: Where to.
            expected: The version that holds it now, None for none.

        Raises:
            AliasMovedError: Another one holds it.
        """

    def moves(self, name: str, alias: str) -> tuple[Move, ...]:
        """Return where an alias was, the first move first."""

    def set_tags(self, name: str, version: str, tags: dict[str, str]) -> None:
        """Add tags to a version; of a tag that is there the value changes."""
