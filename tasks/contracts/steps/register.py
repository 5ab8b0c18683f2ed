"""The contracts of the step `register`."""

from __future__ import annotations

from typing import ClassVar

from featherline.tasks.contracts.base import Contract, Name
from featherline.tasks.contracts.references import Release
from featherline.tasks.contracts.secrets import Secret
from featherline.tasks.contracts.step import EffectOutputs, Params


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

    secrets: ClassVar[frozenset[Secret]] = frozenset((Secret.REGISTRY,))

    alias: Name = "challenger"


class RegisterOutputs(EffectOutputs):
    """The version."""

    registration: Registration
    release: Release
