"""Opening the registry that the deployment names: the store itself, or an MLflow server."""

from __future__ import annotations

from collections.abc import Callable

from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.contracts.request import Variable
from featherline.tasks.releasing.registries.registry import ModelRegistry
from featherline.tasks.releasing.registries.store_registry import StoreRegistry
from featherline.tasks.running.context import Context

__all__ = ["ModelRegistry", "open_registry"]


def open_registry(context: Context) -> ModelRegistry:
    """Open the registry that the deployment names; nothing is asked of a server yet.

    Raises:
        Refused: It names neither `store` nor the URL of a server.
    """
    address = context.registry
    kind, beyond, _ = address.partition("://")
    if kind in REGISTRIES and bool(beyond) == (kind != "store"):
        return REGISTRIES[kind](context)
    raise refuse(
        "there is no such registry",
        expected=f"{Variable.REGISTRY}: store, or the http:// or https:// address of an MLflow server",
        got=address,
        fix=f"correct {Variable.REGISTRY}, or the registry connection of Airflow",
    )


def _store(context: Context) -> ModelRegistry:
    return StoreRegistry(context.store)


def _mlflow(context: Context) -> ModelRegistry:
    from featherline.tasks.releasing.registries.mlflow_registry import MlflowRegistry  # noqa: PLC0415 - 0.1 s of an HTTP client

    return MlflowRegistry(context.registry)


REGISTRIES: dict[str, Callable[[Context], ModelRegistry]] = {"store": _store, "http": _mlflow, "https": _mlflow}
"""By what stands before `://` in the address; `store` has nothing behind it."""
