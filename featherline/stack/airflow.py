"""Airflow of the embedded stack: four servers, LocalExecutor, SQLite.

    migrate ──► api-server (the UI), dag-processor, scheduler, triggerer
                                                        └── workers ──► python -m featherline.tasks STEP

Each is a server of its own, so that one that died is seen, and started again without the others.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import httpx

from featherline.places import Places
from featherline.stack import secrets as files
from featherline.stack.ports import HOST
from featherline.stack.secrets import USER, Secrets

BUCKET = "featherline"
PART = Path(__file__).with_name("airflow_part.py")
PARTS = ("api-server", "dag-processor", "scheduler", "triggerer")
HEARTBEATS = {part: part.replace("-", "_") for part in ("scheduler", "dag-processor", "triggerer")}
"""Parts that tell Airflow's records every few seconds that they live, and what the API calls them."""
BUSY_S = 15
"""Who wants to write to SQLite waits so long for those before it; less than a client waits for an answer."""


def command(places: Places, part: str) -> list[str | Path]:
    """Return how a part is called; `migrate` makes the tables, and ends."""
    return [places.program("airflow", "python"), "-P", PART, part]


def environment(
    places: Places,
    secrets: Secrets,
    *,
    port: int,
    store: Mapping[str, str],
    registry_port: int,
    steps: Mapping[str, object],
) -> dict[str, str]:
    """Return Airflow's variables, beside those that every server gets.

    Args:
        places: Where everything lies.
        secrets: Passwords and keys.
        port: Of the UI and the API.
        store: What lets boto3 into the stack's S3.
        registry_port: Of MLflow.
        steps: Options of `[featherline]` that say how steps run.
    """
    settings: dict[str, dict[str, object]] = {
        "core": {
            "dags_folder": places.root / "dags",
            "plugins_folder": places.root / "plugins",
            "load_examples": False,
            "executor": "LocalExecutor",
            "parallelism": 12,
            "execution_api_server_url": f"http://{HOST}:{port}/execution/",
            "simple_auth_manager_users": f"{USER}:admin",
            "simple_auth_manager_passwords_file": files.airflow_passwords(places.secrets),
        },
        "api": {
            "host": HOST,
            "port": port,
            "base_url": f"http://{HOST}:{port}",
            "workers": 1,
            "secret_key": secrets.session_secret,
        },
        "api_auth": {"jwt_secret": secrets.jwt_secret},
        "database": {"sql_alchemy_conn": f"sqlite:///{places.airflow_home / 'airflow.db'}?timeout={BUSY_S}"},
        "scheduler": {
            "scheduler_idle_sleep_time": 0.4,  # between a ready task at once and a scheduler that eats half a core
            "job_heartbeat_sec": 5,
            "scheduler_health_check_threshold": 15,  # a scheduler silent for so long is dead, and its tasks start anew
            "orphaned_tasks_check_interval": 10,
            "task_instance_heartbeat_timeout": 120,  # Airflow's own 300 s are for networks
        },
        "workers": {  # what runs goes on while the API server is away, and tells it afterwards
            "max_failed_heartbeats": 1000,
            "execution_api_retries": 10,
        },
        "dag_processor": {"parsing_processes": 1, "refresh_interval": 30, "bundle_refresh_check_interval": 5},
        "logging": {
            "file_task_handler_new_folder_permissions": "0o700",
            "file_task_handler_new_file_permissions": "0o600",
        },
        "usage_data_collection": {"enabled": False},
        "featherline": {
            "home": places.root,
            "python": places.program("tasks", "python"),
            "store": f"s3://{BUCKET}",
            "studies": places.var / "studies",
            "recipes": os.environ.get("FEATHERLINE_RECIPES", places.root / "recipes"),
            "signing_key": files.signing_key(places.secrets),
            "verify_key": files.verify_key(places.secrets),
            "max_active_tasks": 3,
            "registry_ui": f"http://{HOST}:{registry_port}",
            **steps,
        },
    }
    variables = {
        f"AIRFLOW__{section.upper()}__{name.upper()}": str(value)
        for section, options in settings.items()
        for name, value in options.items()
    }
    return variables | {
        "AIRFLOW_HOME": str(places.airflow_home),
        "AIRFLOW_CONN_FEATHERLINE_STORE": _store(store),
        "AIRFLOW_CONN_FEATHERLINE_REGISTRY": _registry(secrets, registry_port),
        "PATH": f"{places.program('airflow', '')}:{os.environ.get('PATH', os.defpath)}",
        "PYTHONPATH": str(places.root),
    }


class Heartbeat(NamedTuple):
    """What Airflow's records say of a part."""

    healthy: bool
    """In Airflow's own judgement."""
    at: datetime | None
    """When the part told last that it lives."""


def heartbeats(port: int, *, timeout_s: float = 10) -> dict[str, Heartbeat] | None:
    """Return what the API server on this port knows of the other parts and of `metadatabase`; None where it is mute."""
    try:
        answer = httpx.get(f"http://{HOST}:{port}/api/v2/monitor/health", timeout=timeout_s, trust_env=False)
        told = answer.json() if answer.status_code == httpx.codes.OK else None
    except (httpx.TransportError, ValueError):
        return None
    if not isinstance(told, dict):
        return None
    found = {}
    for name in ("metadatabase", *HEARTBEATS):
        key = HEARTBEATS.get(name, name)
        one = told.get(key) or {}
        at = one.get(f"latest_{key}_heartbeat")
        found[name] = Heartbeat(one.get("status") == "healthy", datetime.fromisoformat(at) if at else None)
    return found


def _store(store: Mapping[str, str]) -> str:
    return json.dumps(
        {
            "conn_type": "aws",
            "login": store["AWS_ACCESS_KEY_ID"],
            "password": store["AWS_SECRET_ACCESS_KEY"],
            "extra": {"endpoint_url": store["AWS_ENDPOINT_URL_S3"], "region_name": store["AWS_DEFAULT_REGION"]},
        }
    )


def _registry(secrets: Secrets, port: int) -> str:
    return json.dumps(
        {"conn_type": "http", "host": HOST, "port": port, "login": USER, "password": secrets.mlflow_password}
    )
