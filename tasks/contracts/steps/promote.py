"""The contracts of the step `promote`."""

from __future__ import annotations

from typing import ClassVar

from featherline.tasks.contracts.base import Contract, Name
from featherline.tasks.contracts.references import Champion, Release
from featherline.tasks.contracts.secrets import Secret
from featherline.tasks.contracts.step import EffectOutputs, Params
from featherline.tasks.contracts.steps.register import Registration


class PromoteInputs(Contract):
    """What becomes champion, and which champion it was compared with."""

    registration: Registration
    release: Release
    champion: Champion | None = None


class PromoteParams(Params):
    """The alias that moves."""

    secrets: ClassVar[frozenset[Secret]] = frozenset((Secret.REGISTRY,))

    alias: Name = "champion"
    verify_signature: bool = True


class PromoteOutputs(EffectOutputs):
    """The version, now with the alias."""

    registration: Registration
    replaced: str | None = None
    """The version that had the alias before."""
