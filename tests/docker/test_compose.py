"""The server stack as it is written down: what compose makes of it, and its own rules. Nothing is started."""

from __future__ import annotations

import base64
import configparser
import json
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from featherline.places import ROOT
from featherline.stack.s3_probe import listening, open_doors
from featherline.stack.s3_program import free_ports, weed
from featherline.stack.s3_server import S3Server

FILE = ROOT / "docker" / "compose.yaml"
ONCE = {"migrate", "buckets"}
"""Services that end."""
IMAGES = {"AIRFLOW_IMAGE": "airflow:1", "TASKS_IMAGE": "tasks:1"}


def interpolated(text: str, variables: dict[str, str]) -> str:
    """Return what compose makes of `${NAME}`, `${NAME:-default}`, `${NAME:?message}` and `$$`."""

    def value(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        name, _, default = found[1].partition(":-")
        name, _, message = name.partition(":?")
        assert name in variables or not message, f"{name}: {message}"
        return variables.get(name, default)

    return re.sub(r"\$\$|\$\{([^}]+)\}", value, text)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """Give the file with every default filled in."""
    found: dict[str, Any] = yaml.safe_load(interpolated(FILE.read_text(), IMAGES))
    return found


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder that the script has drawn."""
    folder = tmp_path_factory.mktemp("drawn") / "secrets"
    subprocess.run([ROOT / "docker" / "secrets.sh", folder], check=True, capture_output=True)
    return folder


def test_compose_takes_it():
    """The program itself reads the file, where there is one."""
    programs = [["docker", "compose"], ["docker-compose"]]
    usable = [
        one
        for one in programs
        if shutil.which(one[0]) and not subprocess.run([*one, "version"], capture_output=True, check=False).returncode
    ]
    if not usable:
        pytest.skip("there is no docker compose on this machine")

    done = subprocess.run(
        [*usable[0], "-f", FILE, "config"],
        env=IMAGES | {"PATH": "/usr/bin:/bin:/usr/local/bin"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert set(yaml.safe_load(done.stdout)["services"]) == set(yaml.safe_load(FILE.read_text())["services"])


def test_every_part_of_the_stack_is_there(compose: dict[str, Any]):
    """Airflow's four, two workers, and the servers behind them."""
    assert set(compose["services"]) == ONCE | {
        *("postgres", "redis", "s3", "mlflow"),
        *("api-server", "scheduler", "dag-processor", "triggerer", "worker-1", "worker-2"),
    }


def test_nothing_is_reached_from_other_machines(compose: dict[str, Any]):
    """What is published at all, is on loopback: the two web pages."""
    ports = [port for service in compose["services"].values() for port in service.get("ports", ())]

    assert ports == ["127.0.0.1:5000:5000", "127.0.0.1:8080:8080"]


def test_every_service_says_whether_it_is_well(compose: dict[str, Any]):
    """Those that end say it by their exit code."""
    assert {name for name, one in compose["services"].items() if "healthcheck" not in one} == ONCE


def test_every_image_can_be_another(compose: dict[str, Any]):
    """By a variable, so that a company's own registry serves; a default is pinned."""
    others = dict.fromkeys(re.findall(r"image: \$\{(\w+)", FILE.read_text()), "other:1")
    changed = yaml.safe_load(interpolated(FILE.read_text(), others | {"TASKS_IMAGE": "tasks:1"}))

    assert {one["image"] for one in changed["services"].values()} == {"other:1"}
    for one in compose["services"].values():
        assert re.fullmatch(r"[\w./-]+:(?!latest$)[\w.-]+", one["image"])


def test_no_service_has_more_rights_than_it_needs(compose: dict[str, Any]):
    """No root, nothing written but to volumes and /tmp, no capability, no new privilege."""
    for name, one in compose["services"].items():
        assert one["read_only"] is True, name
        assert one["cap_drop"] == ["ALL"], name
        assert "cap_add" not in one, name
        assert one["security_opt"] == ["no-new-privileges:true"], name
        assert int(one["user"].partition(":")[0]) > 0, name
        assert not one.get("privileged"), name


def test_only_the_workers_reach_the_engine(compose: dict[str, Any]):
    """Its socket is as good as root."""
    socket = "/var/run/docker.sock:/var/run/docker.sock"

    assert {name for name, one in compose["services"].items() if socket in one.get("volumes", ())} == {
        *("worker-1", "worker-2")
    }


def test_what_is_kept_is_in_named_volumes(compose: dict[str, Any]):
    """No folder of the machine but the engine's socket; every volume that is named is there."""
    sources = {mount.split(":")[0] for one in compose["services"].values() for mount in one.get("volumes", ())}

    assert sources - {"/var/run/docker.sock"} == set(compose["volumes"])


def test_every_secret_is_a_file_that_the_script_draws(compose: dict[str, Any], secrets: Path):
    """And each service names only those that there are; a service that has no use for a key does not see it."""
    named = {secret for one in compose["services"].values() for secret in one.get("secrets", ())}

    assert named == set(compose["secrets"]) == {path.name for path in secrets.iterdir()}
    assert all(one["file"] == f"secrets/{name}" for name, one in compose["secrets"].items())
    assert {name for name, one in compose["services"].items() if "signing_key.pem" in one.get("secrets", ())} == {
        *("worker-1", "worker-2")
    }


def test_no_password_is_in_a_variable(compose: dict[str, Any]):
    """Variables name files, or commands that print them."""
    for name, one in compose["services"].items():
        for variable, value in one.get("environment", {}).items():
            if re.search("PASSWORD|SECRET_KEY|FERNET|JWT|CONN|BROKER|RESULT", variable):
                file = re.match(r"(cat )?/(run/secrets|tmp)/", value)
                assert file or "VISIBILITY" in variable, (name, variable)


def test_what_the_script_draws_fits_together(secrets: Path):
    """The same password on both sides of each wire, keys of the right kind, and nothing readable for others."""
    connections = json.loads((secrets / "connections.json").read_text())
    (identity,) = json.loads((secrets / "s3_identities.json").read_text())["identities"]
    store = connections["featherline_store"]
    assert identity["credentials"] == [{"accessKey": store["login"], "secretKey": store["password"]}]
    records = urlsplit((secrets / "sql_alchemy_conn").read_text())
    assert records.password == (secrets / "postgres_password").read_text()
    broker = urlsplit((secrets / "broker_url").read_text())
    assert f"requirepass {broker.password}\n" in (secrets / "redis.conf").read_text()
    assert connections["featherline_studies"]["password"] == broker.password
    mlflow = dict(line.split("=", 1) for line in (secrets / "mlflow.env").read_text().splitlines())
    assert mlflow["MLFLOW_AUTH_ADMIN_PASSWORD"] == connections["featherline_registry"]["password"]
    assert configparser.ConfigParser().read(secrets / "mlflow_auth.ini")
    assert len(base64.urlsafe_b64decode((secrets / "fernet_key").read_text())) == 32
    private = load_pem_private_key((secrets / "signing_key.pem").read_bytes(), None)
    public = load_pem_public_key((secrets / "verify_key.pem").read_bytes())
    assert private.public_key() == public
    assert secrets.stat().st_mode & 0o077 == 0


def test_its_s3_is_closed_but_to_keys(compose: dict[str, Any], secrets: Path, tmp_path: Path):
    """Whoever reaches the network, a step with foreign code or a user of the machine, finds each other port closed."""
    folder = shutil.copytree(secrets, tmp_path / "secrets")
    text = (folder / "security.toml").read_text()
    (folder / "security.toml").write_text(text.replace("/run/secrets", str(folder)))
    port = free_ports()
    changed = {"-ip=s3": "-ip=localhost", "-ip.bind=0.0.0.0": "-ip.bind=127.0.0.1", "-s3.port=8333": f"-s3.port={port}"}
    words = [changed.get(word, word) for word in compose["services"]["s3"]["command"]]
    words = [word.replace("/run/secrets", str(folder)).replace("=/data", f"={tmp_path}") for word in words]
    words += [f"-{name}.port={port + 1 + number}" for number, name in enumerate(("master", "volume", "filer", "admin"))]
    store = json.loads((secrets / "connections.json").read_text())["featherline_store"]
    server = S3Server(tmp_path, store["login"], store["password"], port=port)

    with subprocess.Popen([weed(), *words], cwd=tmp_path, env={}, stdout=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 30
            while len(listening(process.pid)) < 10:
                assert process.poll() is None
                assert time.monotonic() < deadline
            doors = open_doors(process.pid, port)
            server.client().create_bucket(Bucket="kept")
            server.client().put_object(Bucket="kept", Key="x", Body=b"words")
            words_back = server.client().get_object(Bucket="kept", Key="x")["Body"].read()
        finally:
            process.kill()

    assert doors == []
    assert words_back == b"words"


def test_the_script_overwrites_nothing(secrets: Path):
    """New passwords would lock everybody out of what the old ones opened."""
    before = {path.name: path.read_bytes() for path in secrets.iterdir()}

    done = subprocess.run([ROOT / "docker" / "secrets.sh", secrets], capture_output=True, text=True, check=False)

    assert done.returncode == 65
    assert {path.name: path.read_bytes() for path in secrets.iterdir()} == before
