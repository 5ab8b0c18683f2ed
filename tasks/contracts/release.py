"""From the winner to the registry's champion: `publish`, `register`, `promote`."""

from __future__ import annotations

from pydantic import Field

from tasks.contracts.base import Contract, Name
from tasks.contracts.gate import ReportOutputs, SelectOutputs
from tasks.contracts.model import Model
from tasks.contracts.references import Champion, DatasetRef, RecipeRef, Release, VerdictRef
from tasks.contracts.step import EffectOutputs, Params


class PublishInputs(Contract):
    """What a release holds."""

    selection: SelectOutputs
    verdict: VerdictRef
    report: ReportOutputs
    recipe: RecipeRef
    data: DatasetRef
    baseline: Model
    """The float model that all lanes began with."""


class PublishParams(Params):
    """What the release is called."""

    name: Name
    sign: bool = Field(default=True, description="Needs a signing key in the environment.")


class PublishOutputs(EffectOutputs):
    """The release."""

    release: Release


class Registration(Contract):
    """A version in the model registry."""

    registry: str
    name: Name
    version: str
    alias: str
    model_sha256: str


class RegisterInputs(Contract):
    """The release, behind an open gate."""

    release: Release


class RegisterParams(Params):
    """The alias that a new version gets."""

    alias: Name = "challenger"


class RegisterOutputs(EffectOutputs):
    """The version."""

    registration: Registration
    release: Release


class PromoteInputs(Contract):
    """What becomes champion, and which champion it was compared with."""

    registration: Registration
    release: Release
    champion: Champion | None = None


class PromoteParams(Params):
    """The alias that moves."""

    alias: Name = "champion"
    verify_signature: bool = True


class PromoteOutputs(EffectOutputs):
    """The version, now with the alias."""

    registration: Registration
    replaced: str | None = None
    """The version that had the alias before."""
