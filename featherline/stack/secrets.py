"""Passwords and keys of the embedded stack: drawn once, kept in files that only this user may read."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from featherline.stack.turns import in_turn
from featherline.tasks.contracts.base import Contract
from featherline.tasks.releasing.releases.keys import make_keys
from featherline.whole_file import write_whole

USER = "admin"
"""Who logs in to Airflow and to MLflow."""


class Secrets(Contract):
    """What opens the servers."""

    airflow_password: str
    mlflow_password: str
    s3_access_key: str
    s3_secret_key: str
    jwt_secret: str
    """Signs the tokens of Airflow's parts to each other."""
    session_secret: str
    """Signs the cookies of both web pages."""


def secrets_in(folder: Path) -> Secrets:
    """Return the secrets of a stack, drawn now where there are none; also writes Airflow's password file and the keys.

    Args:
        folder: Made with mode 700.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    path = folder / "passwords.json"
    if not path.exists():
        drawn = Secrets(
            airflow_password=secrets.token_urlsafe(12),
            mlflow_password=secrets.token_urlsafe(12),
            s3_access_key=secrets.token_hex(10),
            s3_secret_key=secrets.token_hex(20),
            jwt_secret=secrets.token_urlsafe(64),
            session_secret=secrets.token_urlsafe(32),
        )
        write_whole(path, drawn.to_json(), once=True)  # of two that draw at once, the first one's hold
    found = Secrets.model_validate_json(path.read_bytes())
    _keep(airflow_passwords(folder), json.dumps({USER: found.airflow_password}).encode())
    if not _has_keys(folder):
        with in_turn(folder):
            if not _has_keys(folder):  # nobody else has made them meanwhile
                signing_key(folder).unlink(missing_ok=True)
                make_keys(folder)
    return found


def _has_keys(folder: Path) -> bool:
    return signing_key(folder).exists() and verify_key(folder).exists()


def password_in(folder: Path, server: str) -> str:
    """Return the password of a server that not every stack has, drawn now where there is none."""
    path = folder / f"{server}-password"
    if not path.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(path, secrets.token_hex(20).encode(), once=True)
    return path.read_text()


def airflow_passwords(folder: Path) -> Path:
    """Return the file from which Airflow takes its users' passwords."""
    return folder / "airflow-passwords.json"


def signing_key(folder: Path) -> Path:
    """Return the private key that signs releases."""
    return folder / "signing_key.pem"


def verify_key(folder: Path) -> Path:
    """Return the public key that releases are verified with."""
    return folder / "verify_key.pem"


def _keep(path: Path, data: bytes) -> None:
    """Write a file unless it says that already: every command comes by here, and several may at once."""
    if not path.exists() or path.read_bytes() != data:
        write_whole(path, data)
