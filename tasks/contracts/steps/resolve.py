"""The contracts of the step `resolve`."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from featherline.tasks.contracts.base import Contract
from featherline.tasks.contracts.references import Champion, RecipeRef, Release
from featherline.tasks.contracts.secrets import Secret
from featherline.tasks.contracts.step import EffectOutputs, Params
from featherline.tasks.contracts.steps.select import Approval


class ResolveInputs(Contract):
    """Nothing: everything that a run depends on and that can change is read here."""


class ResolveParams(Params):
    """Which recipe, and what is different this time."""

    secrets: ClassVar[frozenset[Secret]] = frozenset((Secret.REGISTRY, Secret.SIGNING_KEY, Secret.RECIPES))
    """The key: that there is one."""
    sweeps_store: ClassVar[bool] = True

    recipe: str = Field("digits", description="The name of a file in recipes/, without .yaml.")
    rounds: int | None = Field(None, ge=1, description="How many rounds of lanes the pipeline has.")
    overrides: dict[str, Any] = Field({}, description="Dotted keys of the recipe and their values.")
    unchanged: Literal["skip", "run"] = Field(
        "skip", description="Whether a run is skipped that would do nothing which the last one has not done."
    )


class Unchanged(Contract):
    """The last run, since which nothing changed and whose release still stands."""

    run_id: str
    release: Release
    version: str
    """Of the release in the registry: it is champion."""


class ResolveOutputs(EffectOutputs):
    """The run's frozen world."""

    recipe: RecipeRef
    params: dict[str, dict[str, Any]]
    """The parameters of each step, by step."""
    workers: tuple[int, ...]
    """The numbers of the search workers."""
    rounds: int = Field(1, ge=1)
    """How many rounds of lanes the recipe asks for."""
    champion: Champion | None
    approve: Approval
    accept_unproven: bool = False
    unchanged: Unchanged | None = None
    """Given where nothing is left to do: all that follows is skipped."""
