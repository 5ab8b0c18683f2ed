"""What each server of the stack knows of the shell that started it, and of the stack's secrets."""

from __future__ import annotations

import pytest

from featherline.places import ROOT, Places
from featherline.stack import airflow, surroundings
from featherline.stack.secrets import Secrets

FOREIGN = {
    "AWS_PROFILE": "hush",
    "AWS_SECRET_ACCESS_KEY": "hush",
    "MLFLOW_TRACKING_PASSWORD": "hush",
    "GITHUB_TOKEN": "hush",
    "DATABASE_URL": "postgresql://me:hush@host/db",
    "AIRFLOW__CORE__FERNET_KEY": "hush",
    "WEED_GRPC_CA": "hush",
    "PGPASSWORD": "hush",
    "REDISCLI_AUTH": "hush",
    "FEATHERLINE_SIGNING_KEY": "hush",
}
"""What a person's shell may hold, and no server of the stack has a use for."""
HERE = Places(var=ROOT / "var")


@pytest.fixture(autouse=True)
def shell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the shell secrets of its own, and what servers and steps may know."""
    for name, value in FOREIGN.items():
        monkeypatch.setenv(name, value)
    for name in ("HTTPS_PROXY", "DOCKER_HOST", "FEATHERLINE_DATA_TOKEN", "TZ"):
        monkeypatch.setenv(name, "passes")


def test_a_server_knows_nothing_of_the_shell_but_its_machine() -> None:
    """Neither a secret of the person's, nor what is for steps."""
    known = surroundings.of_server(HERE)

    assert "hush" not in "".join(known.values())
    assert known["TZ"] == "passes"
    assert not {"HTTPS_PROXY", "DOCKER_HOST", "FEATHERLINE_DATA_TOKEN"} & known.keys()
    assert known["FEATHERLINE_STACK"] == str(HERE.var)


def test_airflow_hands_on_what_recipes_and_steps_may_know() -> None:
    """Proxies, the engine, variables of recipes; no key of another store."""
    known = surroundings.of_airflow(HERE)

    assert "hush" not in "".join(known.values())
    assert {"HTTPS_PROXY", "DOCKER_HOST", "FEATHERLINE_DATA_TOKEN"} <= known.keys()


@pytest.mark.parametrize("part", [*airflow.PARTS, "migrate", "worker1"])
def test_keys_go_where_tasks_run(part: str) -> None:
    """The page, the reader of DAGs and the triggerer open neither the store nor the registry."""
    words = {name: f"hush-{name}" for name in Secrets.model_fields}
    variables = airflow.environment(
        HERE,
        Secrets(**words),
        port=1,
        store={"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": words["s3_secret_key"]}
        | {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1", "AWS_DEFAULT_REGION": "us-east-1"},
        registry_port=2,
        steps={},
    )

    known = "".join(surroundings.of_part(part, variables).values())

    runs_tasks = part in {"scheduler", "worker1"}
    assert ("hush-s3_secret_key" in known, "hush-mlflow_password" in known) == (runs_tasks, runs_tasks)
    assert "hush-airflow_password" not in known
