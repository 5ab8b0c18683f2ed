"""The running stack, as another user of the machine meets it: ports, files and processes."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "featherline" / "stack"))

from stranger import HOST, as_nobody, needs_root, open_to_others

from featherline.stack import record
from featherline.stack.s3_probe import IN_KERNEL, listening
from featherline.stack.secrets import secrets_in

pytestmark = pytest.mark.stack

OPEN_OF_AIRFLOW = {
    "get /api/v2/monitor/health",
    "get /api/v2/version",
    "get /api/v2/auth/login",
    "get /api/v2/auth/logout",
    "post /auth/token",
    "post /auth/token/cli",
}
"""What answers anybody: how the parts do, the version, and where one logs in."""
EXECUTION = (
    ("PATCH", "/execution/task-instances/00000000-0000-0000-0000-000000000000/run"),
    ("GET", "/execution/connections/featherline_store"),
    ("GET", "/execution/variables/x"),
    ("GET", "/execution/xcoms/retrain_and_compress/x/resolve/return_value"),
)
MLFLOW = (
    *(("GET", f"/{path}") for path in ("", "version", "metrics", "signup", "docs", "get-artifact?path=x&run_uuid=1")),
    *(("GET", f"/{path}") for path in ("model-versions/get-artifact?path=x&name=a&version=1", "server-info")),
    *(("POST", f"/api/2.0/mlflow/{path}") for path in ("experiments/search", "users/create", "runs/search")),
    *(("GET", f"/api/2.0/mlflow/{path}") for path in ("registered-models/search", "users/get?username=admin")),
    *((verb, "/api/2.0/mlflow-artifacts/artifacts/x") for verb in ("GET", "PUT", "DELETE")),
    *(("POST", path) for path in ("/graphql", "/v1/traces", "/ajax-api/2.0/mlflow/runs/search", "/ajax-api/3.0/jobs")),
    *(("POST", path) for path in ("/ajax-api/2.0/mlflow/upload-artifact", "/gateway/mlflow/v1/chat/completions")),
)
MAY_KNOW = {
    "s3": set(),
    "mlflow": {"mlflow_password", "s3_access_key", "s3_secret_key", "session_secret"},
    "api-server": {"jwt_secret", "session_secret"},
    "dag-processor": {"jwt_secret", "session_secret"},
    "triggerer": {"jwt_secret", "session_secret"},
    "scheduler": {"jwt_secret", "session_secret", "mlflow_password", "s3_access_key", "s3_secret_key"},
}
"""The secrets that are in each server's environment, by their names in var/secrets/passwords.json."""


@pytest.fixture(scope="module")
def running(featherline: Any) -> Any:
    """Give the running stack, which no test of this file changes."""
    featherline.call("up")
    return featherline


def test_no_server_listens_beyond_loopback_or_where_nobody_looks(running: Any) -> None:
    """Each listens on its own port of 127.0.0.1; no part of Airflow serves logs."""
    stack = record.running(running.places)
    known = {stack.mlflow_port, stack.airflow_port}
    found = {one for pid in running.processes() for one in listening(pid)}

    assert {address for address, _ in found} == {IN_KERNEL}
    ports = {port for _, port in found}
    assert known <= ports
    assert len(ports) == len(known) + 10, "of S3"


def test_airflow_lets_nobody_in_without_a_token(running: Any) -> None:
    """Each verb and path of its own description, and the interface that tasks use."""
    with httpx.Client(base_url=record.running(running.places).airflow_url, trust_env=False, timeout=30) as client:
        answered = set()
        for base in ("", "/auth"):
            for path, verbs in client.get(f"{base}/openapi.json").json()["paths"].items():
                asked = base + re.sub(r"\{[^}]*\}", "1", path)
                for verb in verbs.keys() & {"get", "post", "put", "patch", "delete"}:
                    if client.request(verb.upper(), asked, json={}).status_code not in {401, 403}:
                        answered.add(f"{verb} {asked}")
        refused = [client.request(verb, path, json={}).status_code for verb, path in EXECUTION]

    assert answered == OPEN_OF_AIRFLOW
    assert set(refused) <= {401, 403}


def test_mlflow_lets_nobody_in_without_a_password(running: Any) -> None:
    """Neither its pages, nor its API, nor the files behind it."""
    with httpx.Client(base_url=record.running(running.places).mlflow_url, trust_env=False, timeout=30) as client:
        answers = {f"{verb} {path}": client.request(verb, path, json={}).status_code for verb, path in MLFLOW}
        wrong = client.get("/api/2.0/mlflow/users/get?username=admin", auth=("admin", "password1234"))

    assert {path: status for path, status in answers.items() if status != 401} == {}
    assert wrong.status_code == 401


def test_nothing_under_var_can_be_read_by_others(running: Any) -> None:
    """No folder and no file has a right for group or others, whatever the stack has done before.

    SeaweedFS gives the file that tells a volume's format, and nothing else, a mode of its own when it cleans up.
    """
    assert [found for found in open_to_others(running.places.var) if not found.endswith(".vif")] == []


@needs_root
def test_a_stranger_reads_no_secret_of_a_process(running: Any) -> None:
    """No command line holds one, and no environment can be read."""
    secrets = secrets_in(running.places.secrets).model_dump().values()
    pids = running.processes()

    def attack() -> list[str]:
        found = []
        for pid in pids:
            for name in ("cmdline", "environ", "fd", "maps"):
                place = Path("/proc", str(pid), name)
                try:
                    told = " ".join(map(str, place.iterdir())) if name == "fd" else place.read_text(errors="replace")
                except OSError:
                    continue
                found += [str(place) for secret in secrets if secret in told]
                found += [str(place)] if name == "environ" and told else []
        return found

    assert len(pids) > 5
    assert as_nobody(attack) == []


def test_each_server_knows_the_secrets_that_it_needs(running: Any) -> None:
    """MLflow none of Airflow's, and of Airflow's parts those alone the keys that run tasks."""
    secrets = secrets_in(running.places.secrets).model_dump()
    found = {}
    for server in record.running(running.places).servers:
        if server.name != "api-server":  # it writes its title over its environment
            told = Path(f"/proc/{server.pid}/environ").read_text(errors="replace")
            found[server.name] = {name for name, secret in secrets.items() if secret in told}

    assert found == {name: secrets for name, secrets in MAY_KNOW.items() if name in found}
    assert len(found) == len(MAY_KNOW) - 1
    assert HOST == "127.0.0.1"
