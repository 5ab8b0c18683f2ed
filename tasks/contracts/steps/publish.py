"""The contracts of the step `publish`."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from featherline.tasks.contracts.base import Contract, Name
from featherline.tasks.contracts.model import Model
from featherline.tasks.contracts.references import DatasetRef, RecipeRef, Release, VerdictRef
from featherline.tasks.contracts.secrets import Secret
from featherline.tasks.contracts.step import EffectOutputs, Params
from featherline.tasks.contracts.steps.report import ReportOutputs
from featherline.tasks.contracts.steps.select import SelectOutputs


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

    secrets: ClassVar[frozenset[Secret]] = frozenset((Secret.SIGNING_KEY,))

    name: Name
    sign: bool = Field(default=True, description="Needs a signing key in the environment.")


class PublishOutputs(EffectOutputs):
    """The release."""

    release: Release
