"""Airflow of the embedded stack: `airflow standalone`, LocalExecutor, SQLite.

scheduler ─┬─ workers ──► python -m tasks STEP
dag-processor, api-server (the UI), triggerer
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import httpx

from featherline.places import Places
from featherline.stack import secrets as files
from featherline.stack.ports import HOST
from featherline.stack.secrets import USER, Secrets

BUCKET = "featherline"
PART = Path(__file__).with_name("airflow_part.py")
WRAPPER = '#!/bin/sh\nexec "{python}" -P "{part}" "$@"\n'
"""The `airflow` that `airflow standalone` finds first on its PATH: `featherline.stack.airflow_part`."""
BUSY_S = 15
"""Who wants to write to SQLite waits so long for those before it; less than a client waits for an answer."""


def command(places: Places) -> list[str | Path]:
    """Return how the server is called."""
    return [places.program("airflow", "airflow"), "standalone"]


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
        },
        "dag_processor": {"parsing_processes": 1, "refresh_interval": 30, "bundle_refresh_check_interval": 5},
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
        "PATH": f"{write_wrapper(places)}:{places.program('airflow', '')}:{os.environ.get('PATH', os.defpath)}",
        "PYTHONPATH": str(places.root),
    }


def write_wrapper(places: Places) -> Path:
    """Write the `airflow` that `airflow standalone` calls for its parts, and return its folder."""
    folder = places.airflow_home / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "airflow").write_text(WRAPPER.format(python=places.program("airflow", "python"), part=PART))
    (folder / "airflow").chmod(0o755)
    return folder


def is_healthy(port: int) -> bool:
    """Return whether the server that listens on this port and all its parts run."""
    try:
        answer = httpx.get(f"http://{HOST}:{port}/api/v2/monitor/health", timeout=5, trust_env=False)
    except httpx.TransportError:
        return False
    if answer.status_code != httpx.codes.OK:
        return False
    parts = answer.json()
    return all(parts[part]["status"] == "healthy" for part in ("metadatabase", "scheduler", "dag_processor"))


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
