"""The registry of the embedded stack: MLflow, its records in SQLite, its files in the stack's S3, with a password.

browser, steps ──user, password──► mlflow server ──keys──► s3://mlflow
                                         └──► var/mlflow/*.db
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import httpx

from featherline.places import Places
from featherline.stack.ports import HOST
from featherline.stack.secrets import USER, Secrets
from featherline.whole_file import write_whole

BUCKET = "mlflow"


def command(places: Places, port: int) -> list[str | Path]:
    """Return how the server is called."""
    return [
        places.program("tasks", "mlflow"),
        "server",
        "--app-name",
        "basic-auth",
        "--backend-store-uri",
        f"sqlite:///{_folder(places) / 'mlflow.db'}",
        "--artifacts-destination",
        f"s3://{BUCKET}/artifacts",
        "--host",
        HOST,
        "--port",
        str(port),
        "--workers",
        "1",
    ]


def environment(places: Places, secrets: Secrets, store: Mapping[str, str]) -> dict[str, str]:
    """Return the server's variables, beside those that every server gets.

    Args:
        places: Where its configuration is written.
        secrets: Its password.
        store: What lets boto3 into the stack's S3.
    """
    configuration = _folder(places) / "auth.ini"
    text = (
        "[mlflow]\n"
        "default_permission = READ\n"
        f"database_uri = sqlite:///{_folder(places) / 'users.db'}\n"
        f"admin_username = {USER}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
        "auth_cache_ttl_seconds = 3600\n"  # a password is hashed once an hour instead of at every request
    )
    write_whole(configuration, text.encode())
    return {
        **store,
        "MLFLOW_S3_ENDPOINT_URL": store["AWS_ENDPOINT_URL_S3"],
        "MLFLOW_AUTH_CONFIG_PATH": str(configuration),
        "MLFLOW_AUTH_ADMIN_PASSWORD": secrets.mlflow_password,
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.session_secret,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # 2 processes instead of 10
        "DO_NOT_TRACK": "true",
    }


def answers(port: int, secrets: Secrets) -> bool:
    """Return whether the server that listens on this port lets its user in."""
    address = f"http://{HOST}:{port}/api/2.0/mlflow/experiments/get?experiment_id=0"
    try:
        answer = httpx.get(address, auth=(USER, secrets.mlflow_password), timeout=5, trust_env=False)
    except httpx.TransportError:
        return False
    return answer.status_code == httpx.codes.OK


def _folder(places: Places) -> Path:
    return places.var / "mlflow"
