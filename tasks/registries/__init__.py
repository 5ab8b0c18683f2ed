"""The model registry: numbered versions of a model, and aliases that say which one is the champion.

    release ──► version 1, 2, 3 …      challenger ──► 3      champion ──► 2

Two keep it: the store itself, which needs nothing but the store, and an MLflow server. The deployment says which.
"""

from __future__ import annotations

from tasks.context import Context
from tasks.contracts.refusal import refuse
from tasks.contracts.request import Variable
from tasks.registries.registry import ModelRegistry
from tasks.registries.store_registry import StoreRegistry

__all__ = ["ModelRegistry", "open_registry"]


def open_registry(context: Context) -> ModelRegistry:
    """Open the registry that the deployment names; nothing is asked of a server yet.

    Raises:
        Refused: It names neither `store` nor the URL of a server.
    """
    address = context.registry
    if address == "store":
        return StoreRegistry(context.store)
    if address.startswith(("http://", "https://")):
        from tasks.registries.mlflow_registry import MlflowRegistry  # noqa: PLC0415 - 0.1 s of an HTTP client

        return MlflowRegistry(address)
    raise refuse(
        "there is no such registry",
        expected=f"{Variable.REGISTRY}: store, or the http:// or https:// address of an MLflow server",
        got=address,
        fix=f"correct {Variable.REGISTRY}, or the registry connection of Airflow",
    )
