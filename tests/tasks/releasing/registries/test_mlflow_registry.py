"""What an MLflow server holds of a version, and what is said when there is no such server."""

from __future__ import annotations

import http.server
import json
import os
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from featherline.tasks.contracts.measurement import Measurement
from featherline.tasks.contracts.preprocessing import Preprocessing
from featherline.tasks.contracts.references import LiteRTFileRef, MeasurementRef
from featherline.tasks.contracts.refusal import Refused, Unavailable
from featherline.tasks.contracts.request import Variable
from featherline.tasks.contracts.steps.publish import PublishParams
from featherline.tasks.contracts.steps.register import RegisterInputs, RegisterParams
from featherline.tasks.litert.interpreter import FileRunner
from featherline.tasks.modalities.image.preprocessing import model_inputs
from featherline.tasks.releasing.registries.mlflow_registry import MlflowRegistry
from featherline.tasks.releasing.registries.opening import open_registry
from featherline.tasks.releasing.registries.registry import Move
from featherline.tasks.running.context import Context
from featherline.tasks.steps.publish import publish
from featherline.tasks.steps.register import register

IMAGES = np.random.default_rng(0).integers(0, 5, (6, 2, 2, 1)).astype(np.uint8)
PREDICT = """
import json, sys
for name in ("tasks", "tensorflow", "tf_keras"):
    sys.modules[name] = None
import mlflow, numpy as np
model = mlflow.pyfunc.load_model(sys.argv[1])
print(json.dumps(model.predict({"image": np.load(sys.argv[2])})["logits"].tolist()))
"""


@pytest.fixture
def registered(context: Context, winner: Any, mlflow: Any) -> Any:
    """Give a registration on the server, under a name of its own, and what was released."""
    assert mlflow
    inputs = winner()
    name = f"digits-{uuid.uuid4().hex[:12]}"
    release = publish(inputs, PublishParams(name=name, sign=False), context).release
    return register(RegisterInputs(release=release), RegisterParams(), context).registration, inputs


def test_the_version_predicts_without_featherline(
    registered: Any, context: Context, mlflow: Any, tmp_path: Path
) -> None:
    """`mlflow.pyfunc.load_model` gives the released file's logits in a process that has neither us nor TensorFlow."""
    registration, inputs = registered
    open_registry(context).set_alias(registration.name, "champion", Move(version=registration.version), expected=None)
    np.save(tmp_path / "images.npy", IMAGES)
    address = f"models:/{registration.name}@champion"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    ran = subprocess.run(
        [sys.executable, "-c", PREDICT, address, tmp_path / "images.npy"],
        env=environment | {"MLFLOW_TRACKING_URI": mlflow.address, "MLFLOW_DISABLE_TELEMETRY": "true"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    content = context.store.read_bytes(inputs.selection.model.file)
    pixels = model_inputs(IMAGES, Preprocessing(name="own", scale=4.0, mean=(0.5,), std=(0.5,)))
    expected = FileRunner(content).predict(pixels)
    assert len({tuple(row) for row in expected.tolist()}) > 1
    assert json.loads(ran.stdout.splitlines()[-1]) == expected.tolist()


def test_the_logged_model_is_ready_and_can_be_searched_by_its_numbers(registered: Any, mlflow: Any) -> None:
    """The version's source is a LoggedModel, READY, with its metrics, parameters and the files of the release."""
    from mlflow import MlflowClient  # noqa: PLC0415 - 1.6 s that only this test needs

    registration, inputs = registered
    client = MlflowClient(mlflow.address, registry_uri=mlflow.address)

    experiment = client.get_experiment_by_name(registration.name).experiment_id
    found = client.search_logged_models(
        [experiment], filter_string="metrics.accuracy > 0.96 AND params.scheme = 'int8'"
    )
    version = client.get_model_version(registration.name, registration.version)

    assert [model.status.value for model in found] == ["READY"]
    assert version.source == f"models:/{found[0].model_id}"
    assert {metric.key: metric.value for metric in found[0].metrics}["size_bytes"] == inputs.selection.model.file.bytes
    files = {item.path for item in client.list_logged_model_artifacts(found[0].model_id, "release")}
    assert {"release/MODEL_CARD.md", "release/manifest.json", "release/provenance.json"} <= files


def test_a_file_that_says_nothing_of_itself_gets_no_version(context: Context, winner: Any, mlflow: Any) -> None:
    """A model without metadata is refused, its LoggedModel is marked FAILED, and there is no version."""
    from mlflow import MlflowClient  # noqa: PLC0415 - 1.6 s that only this test needs

    inputs = winner()
    bare = context.store.read_bytes(inputs.selection.model.file).replace(b"featherline", b"featherlike")
    name = f"digits-{uuid.uuid4().hex[:12]}"
    release = publish(_with_file(context, inputs, bare), PublishParams(name=name, sign=False), context).release

    with pytest.raises(Refused) as refusal:
        register(RegisterInputs(release=release), RegisterParams(), context)

    client = MlflowClient(mlflow.address, registry_uri=mlflow.address)
    experiment = client.get_experiment_by_name(name).experiment_id
    assert refusal.value.problems[0].got == "a file that says nothing of itself"
    assert [model.status.value for model in client.search_logged_models([experiment])] == ["FAILED"]
    assert open_registry(context).list(name) == ()


def test_a_champion_that_somebody_else_registered_is_refused(mlflow: Any) -> None:
    """Nothing can be compared with a version that has no measurement of ours."""
    registry = MlflowRegistry(mlflow.address)
    name = f"foreign-{uuid.uuid4().hex[:12]}"
    registry.server.post("registered-models/create", name=name)
    registry.server.post("model-versions/create", name=name, source="s3://elsewhere/model")
    registry.server.post("registered-models/alias", name=name, alias="champion", version="1")

    with pytest.raises(Refused) as refusal:
        registry.champion(name)

    assert refusal.value.problems[0].what == f"version 1 of {name} was not registered by Featherline"
    assert refusal.value.problems[0].got == "tags: none"


def test_a_wrong_password_is_refused(context: Context, mlflow: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's no is told in our words, and the password is not."""
    assert mlflow
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "not-the-password")

    with pytest.raises(Refused) as refusal:
        open_registry(context).champion("digits")

    assert refusal.value.problems[0].what == f"the registry {mlflow.address} does not let us in"
    assert refusal.value.problems[0].got == "HTTP 401"
    assert "not-the-password" not in str(refusal.value)


def test_no_user_is_told(context: Context, mlflow: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a user is needed and none is set, that is what is said."""
    assert mlflow
    monkeypatch.delenv("MLFLOW_TRACKING_USERNAME")

    with pytest.raises(Refused) as refusal:
        open_registry(context).health()

    assert refusal.value.problems[0].got == "HTTP 401, and no user is set"


def test_user_and_password_may_stand_in_the_address(
    context: Context, mlflow: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are used, and no message or record shows them."""
    monkeypatch.delenv("MLFLOW_TRACKING_USERNAME")
    monkeypatch.delenv("MLFLOW_TRACKING_PASSWORD")
    host = mlflow.address.removeprefix("http://")
    monkeypatch.setenv(Variable.REGISTRY, f"http://{mlflow.user}:{mlflow.password}@{host}")

    registry = open_registry(context)
    registry.health()

    assert registry.address == mlflow.address


def test_a_registry_out_of_reach_is_refused_within_seconds(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody listens the answer comes in a few seconds, with the address and the reason."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setenv(Variable.REGISTRY, address)
    started = time.monotonic()

    with pytest.raises(Refused) as refusal:
        open_registry(context).champion("digits")

    assert time.monotonic() - started < 5
    assert refusal.value.problems[0].what == f"the registry {address} is out of reach"
    assert refusal.value.problems[0].got == "ConnectionRefusedError: Connection refused"


@pytest.mark.parametrize(
    ("address", "what"),
    [
        ("http://no-such-host.invalid", "the registry http://no-such-host.invalid is out of reach"),
        ("http://", "there is no MLflow server at http:"),
        ("http://127.0.0.1:99999", "there is no MLflow server at http://127.0.0.1:99999"),
    ],
)
def test_an_address_that_is_none_is_refused(
    context: Context, monkeypatch: pytest.MonkeyPatch, address: str, what: str
) -> None:
    """Unknown hosts and addresses that are no address are refused too."""
    monkeypatch.setenv(Variable.REGISTRY, address)

    with pytest.raises(Refused) as refusal:
        open_registry(context).champion("digits")

    assert refusal.value.problems[0].what.startswith(what)


@pytest.mark.parametrize(
    ("status", "body", "kind", "got"),
    [
        (404, b"<html>not here</html>", "text/html", "HTTP 404, text/html, for registered-models/get"),
        (200, b"<html>a login page</html>", "text/html", "HTTP 200, text/html, for registered-models/get"),
        (302, b"", "text/plain", "HTTP 302, text/plain, for registered-models/get"),
        (200, b"[]", "application/json", "HTTP 200, application/json, for registered-models/get"),
    ],
    ids=["not found", "login page", "redirect", "other json"],
)
def test_another_server_is_no_registry(
    context: Context, monkeypatch: pytest.MonkeyPatch, status: int, body: bytes, *, kind: str, got: str
) -> None:
    """A web server that is not MLflow is told from a registry by what it answers."""
    with _web_server(status, body, kind) as address:
        monkeypatch.setenv(Variable.REGISTRY, address)

        with pytest.raises(Refused) as refusal:
            open_registry(context).champion("digits")

    assert refusal.value.problems[0].what == f"there is no MLflow server at {address}"
    assert refusal.value.problems[0].got == got


def test_a_fault_of_the_server_may_pass(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP 500 is waited for, and no refusal for ever: the step is retried."""
    with _web_server(500, b"oops", "text/plain") as address:
        monkeypatch.setenv(Variable.REGISTRY, address)

        with pytest.raises(Unavailable) as waited:
            open_registry(context).champion("digits")

    assert waited.value.problems[0].got == "HTTP 500: oops"


def test_a_registry_that_comes_back_is_found(
    context: Context, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A server that is away while a step asks costs time only, and a line says what is waited for."""
    monkeypatch.setenv(Variable.PATIENCE, "30")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv(Variable.REGISTRY, f"http://127.0.0.1:{port}")
    found: list[Any] = []
    asking = threading.Thread(target=lambda: found.append(open_registry(context).champion("digits")))

    asking.start()
    time.sleep(2)
    with _web_server(404, b'{"error_code": "RESOURCE_DOES_NOT_EXIST"}', "application/json", port):
        asking.join(30)

    assert found == [None]
    assert f"the registry http://127.0.0.1:{port} does not answer (ConnectionRefusedError" in capsys.readouterr().err


@contextmanager
def _web_server(status: int, body: bytes, kind: str, port: int = 0) -> Iterator[str]:
    """Run a web server that answers everything with one answer."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            if status == 302:
                self.send_header("Location", "/login")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def _with_file(context: Context, inputs: Any, content: bytes) -> Any:
    """Return what `publish` takes, with another model file that was measured."""
    file = context.store.put_bytes(content, LiteRTFileRef)
    measured = context.store.read(inputs.selection.measurement, Measurement).model_copy(update={"file": file})
    model = inputs.selection.model.model_copy(update={"file": file})
    changed = {"model": model, "measurement": context.store.put(measured, MeasurementRef)}
    return inputs.model_copy(update={"selection": inputs.selection.model_copy(update=changed)})
