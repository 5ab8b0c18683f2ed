"""What other DAGs can wait for.

    from airflow.sdk import Asset, dag

    @dag(schedule=[Asset("featherline://champion")])      # runs after each promotion
    def ship_to_phones(): ...

The event's `extra` holds `name`, `version`, `uri` (the release folder), `sha256` (the model file) and `changed` (False
where the version was the champion before).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset

if TYPE_CHECKING:
    from airflow.sdk import Context

CHAMPION = Asset(uri="featherline://champion")
"""Named by its URI, so that another DAG finds it by that alone."""


def announce_champion(context: Context, result: dict[str, Any]) -> None:
    """Say with the asset's event which version `promote` made champion. Airflow calls it after the step."""
    registration = result["registration"]
    task: Any = context["task"]
    context["outlet_events"][CHAMPION].extra = {
        "name": registration["name"],
        "version": registration["version"],
        "uri": task.request["inputs"]["release"]["uri"],
        "sha256": registration["model_sha256"],
        "changed": not result["done_before"],
    }
