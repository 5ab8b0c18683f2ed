"""Passwords and keys of the embedded stack."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from featherline.stack import secrets


def test_secrets_are_drawn_once(tmp_path: Path):
    """A second start finds the same ones; another stack has others."""
    first = secrets.secrets_in(tmp_path / "a")

    assert secrets.secrets_in(tmp_path / "a") == first
    assert secrets.secrets_in(tmp_path / "b").airflow_password != first.airflow_password


def test_only_this_user_can_read_them(tmp_path: Path):
    """The folder has mode 700, every secret mode 600."""
    folder = tmp_path / "secrets"

    secrets.secrets_in(folder)

    assert folder.stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert modes.pop("verify_key.pem") == 0o644
    assert set(modes) == {"passwords.json", "airflow-passwords.json", "signing_key.pem"}
    assert set(modes.values()) == {0o600}


def test_airflow_finds_its_password(tmp_path: Path):
    """Airflow's own file holds the one user and the password that `up` prints."""
    found = secrets.secrets_in(tmp_path)

    assert json.loads(secrets.airflow_passwords(tmp_path).read_text()) == {"admin": found.airflow_password}


def test_a_key_pair_cut_short_is_drawn_anew(tmp_path: Path):
    """A private key without its public half, as a crash may leave it, does not stop the next start."""
    secrets.secrets_in(tmp_path)
    secrets.verify_key(tmp_path).unlink()

    secrets.secrets_in(tmp_path)

    assert secrets.verify_key(tmp_path).exists()


def test_many_commands_at_once_read_the_same_secrets(tmp_path: Path):
    """Each comes by the same files; none meets half of one, or draws others."""
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: secrets.secrets_in(tmp_path).s3_secret_key, range(40)))

    assert len(set(found)) == 1
    assert not list(tmp_path.glob(".*.part"))
