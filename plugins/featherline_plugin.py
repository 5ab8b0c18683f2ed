"""The one file of this folder that Airflow loads by itself.

It puts the model registry's pages into Airflow's menu, where the deployment says at which address a browser finds them
(`[featherline] registry_ui`).
"""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin
from airflow.sdk import conf


def registry_views() -> list[dict[str, Any]]:
    """Return the menu's entry for the registry; none where no address is set."""
    address = conf.get("featherline", "registry_ui", fallback="")
    if not address:
        return []
    return [{"name": "Model registry", "href": address, "destination": "nav", "category": "browse"}]


class FeatherlinePlugin(AirflowPlugin):
    """What Airflow's own pages gain."""

    name = "featherline"
    external_views = registry_views()
