"""The trigger form: what a person, a schedule or the REST API may say about a run.

Airflow checks the values against the types below; `resolve` checks the recipe with its overrides, and refuses at once.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param

from plugins import deployment


def form() -> dict[str, Param]:
    """Return the fields, with a choice of the recipes that are there now."""
    names = deployment.recipes()
    wanted = deployment.option("recipe", "digits")
    first = wanted if wanted in names or not names else names[0]
    choice: dict[str, Any] = {"enum": names} if names else {}
    return {
        "recipe": Param(
            first,
            type="string",
            title="Recipe",
            description="The file in recipes/, without .yaml. It is the whole run.",
            **choice,
        ),
        "overrides": Param(
            {},
            type="object",
            title="Overrides",
            description='Keys of the recipe that differ this time, with dots: {"train.epochs": 5}.',
        ),
        "seed": Param(
            0,
            type="integer",
            minimum=0,
            maximum=2**32 - 1,
            title="Seed",
            description="Of everything random. Another seed makes every result anew.",
        ),
        "ignore_cache": Param(
            False,  # noqa: FBT003 - a default
            type="boolean",
            title="Ignore the cache",
            description="Run every step, also where its result exists.",
        ),
    }
