"""Freezing the recipe and the state of the world at the start of a run."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from tasks.contracts.base import Contract
from tasks.contracts.gate import Approval
from tasks.contracts.references import Champion, RecipeRef
from tasks.contracts.step import EffectOutputs, Params


class ResolveInputs(Contract):
    """Nothing: everything that a run depends on and that can change is read here."""


class ResolveParams(Params):
    """Which recipe, and what is different this time."""

    recipe: str = Field("digits", description="The name of a file in recipes/, without .yaml.")
    rounds: int | None = Field(None, ge=1, description="How many rounds of lanes the pipeline has.")
    overrides: dict[str, Any] = Field({}, description="Dotted keys of the recipe and their values.")


class ResolveOutputs(EffectOutputs):
    """The run's frozen world."""

    recipe: RecipeRef
    params: dict[str, dict[str, Any]]
    """The knobs of each step, by step."""
    workers: tuple[int, ...]
    """The numbers of the search workers."""
    rounds: int = Field(1, ge=1)
    """How many rounds of lanes the recipe asks for."""
    champion: Champion | None
    approve: Approval
    accept_unproven: bool = False
