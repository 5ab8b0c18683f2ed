"""The trigger form: what a person, a schedule or the REST API may say about a run.

Airflow checks the values against the types below; `resolve` checks the recipe with its overrides, and refuses at once.
Nothing here is read from the folder of recipes: the form is a part of the DAG, so that each file there would make
another version of the DAG, and a recipe would be unknown until Airflow had read the DAG again.
"""

from __future__ import annotations

from airflow.sdk import Param

from featherline.airflow import deployment


def form() -> dict[str, Param]:
    """Return the fields."""
    return {
        "recipe": Param(
            deployment.option("recipe", "digits"),
            type="string",
            minLength=1,
            title="Recipe",
            description=(
                "The name of a file in recipes/, without .yaml. It is the whole run. A file that was put there a moment"
                " ago can be named at once; for a name that is not there, the task resolve tells the nearest one."
            ),
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
        "unchanged": Param(
            "skip",
            type="string",
            enum=["skip", "run"],
            values_display={"skip": "skip what follows", "run": "run it all the same"},
            title="Where nothing changed",
            description=(
                "since the last run, and its release is the champion still: the task resolve finds that, and all that"
                " follows is skipped. Or it runs, and finds one result after another. Neither measures anything anew:"
                " for that, ignore the cache."
            ),
        ),
        "ignore_cache": Param(
            False,  # noqa: FBT003 - a default
            type="boolean",
            title="Ignore the cache",
            description="Run every step, also where its result exists.",
        ),
    }
