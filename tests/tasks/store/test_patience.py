"""Waiting for a store that is away, and refusing at once what no wait can mend: real servers, and a scripted one."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from featherline.stack.s3_server import S3Server
from featherline.tasks.contracts.refusal import OutOfReach, Refused, Unavailable
from featherline.tasks.contracts.request import Variable
from featherline.tasks.store import patience
from featherline.tasks.store.blobs import LARGE, S3Blobs

Answer = Callable[[BaseHTTPRequestHandler], None]


def xml(status: int, code: str, message: str = "no more words", *, ahead_minutes: int = 0) -> Answer:
    """Return an answer as S3 gives its errors, by a server whose clock is that much behind this machine's."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
        handler.send_response_only(status)
        theirs = datetime.now(UTC) - timedelta(minutes=ahead_minutes)
        handler.send_header("Date", format_datetime(theirs, usegmt=True))
        handler.send_header("Content-Type", "application/xml")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body)

    return answer


def half(handler: BaseHTTPRequestHandler) -> None:
    """Promise ten bytes, give five and hang up."""
    handler.send_response(200)
    handler.send_header("Content-Length", "10")
    handler.end_headers()
    handler.wfile.write(b"12345")
    handler.wfile.flush()
    handler.connection.shutdown(socket.SHUT_RDWR)


def reset(handler: BaseHTTPRequestHandler) -> None:
    """Say nothing and hang up."""
    handler.connection.shutdown(socket.SHUT_RDWR)


def whole(handler: BaseHTTPRequestHandler) -> None:
    """Give ten bytes."""
    handler.send_response(200)
    handler.send_header("Content-Length", "10")
    handler.end_headers()
    if handler.command == "GET":
        handler.wfile.write(b"0123456789")


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Answer]]:
    """Give the answers of a server, one a request; the last one is given again and again."""
    answers: list[Answer] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            (answers.pop(0) if len(answers) > 1 else answers[0])(self)

        do_PUT = do_GET  # noqa: N815
        do_HEAD = do_GET  # noqa: N815 - as http.server calls them
        do_DELETE = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    for name, value in {
        "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{server.server_port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        Variable.PATIENCE: "5",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(patience, "FIRST_PAUSE_S", 0.05)
    yield answers
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    "trouble",
    [
        xml(500, "InternalError"),
        xml(502, "BadGateway"),
        xml(503, "SlowDown", "Please reduce your request rate."),
        xml(504, "GatewayTimeout"),
        xml(429, "TooManyRequests"),
        xml(400, "RequestTimeout"),
        half,
        reset,
    ],
    ids=["500", "502", "slow down", "504", "429", "request timeout", "half a body", "reset"],
)
def test_what_passes_is_waited_for(scripted: list[Answer], trouble: Answer) -> None:
    """Three times trouble, then the answer: nobody notices but by the time."""
    scripted += [trouble, trouble, trouble, whole]

    assert S3Blobs("s3://bucket").read("key") == b"0123456789"


@pytest.mark.parametrize(
    ("answer", "what", "fix"),
    [
        (xml(403, "InvalidAccessKeyId"), "does not let us in", "correct the access key"),
        (xml(403, "SignatureDoesNotMatch"), "does not let us in", "correct the access key"),
        (xml(404, "NoSuchBucket"), "has no bucket", "create the bucket"),
        (xml(301, "PermanentRedirect"), "cannot be asked", "the region of the S3 connection"),
        (xml(400, "IllegalLocationConstraintException"), "refuses PutObject", "correct the region"),
        (xml(400, "EntityTooLarge"), "refuses PutObject", "see the server's log"),
        (xml(507, "InsufficientStorage"), "is full", "free space"),
        (xml(500, "InternalError", "write /data/1.dat: no space left on device"), "is full", "free space"),
        (xml(403, "QuotaExceeded"), "is full", "free space"),
        (
            xml(403, "RequestTimeTooSkewed", ahead_minutes=61),
            "the time",
            "correct the clock: 61 minutes ahead of the store",
        ),
        (
            xml(403, "RequestTimeTooSkewed", ahead_minutes=-61),
            "the time",
            "correct the clock: 61 minutes behind the store",
        ),
        (xml(403, "AccessDenied", ahead_minutes=61), "the time", "correct the clock: 61 minutes ahead of the store"),
    ],
    ids=[
        *("key", "secret", "bucket", "redirected", "region", "too large", "507", "full", "quota"),
        *("clock ahead", "clock behind", "a clock that is not named"),
    ],
)
def test_what_does_not_pass_is_refused_at_once(scripted: list[Answer], answer: Answer, what: str, fix: str) -> None:
    """A person has to mend it, so nobody waits; the refusal says what and how."""
    scripted.append(answer)
    blobs = S3Blobs("s3://bucket")
    started = time.monotonic()

    with pytest.raises(OutOfReach) as refusal:
        blobs.replace("key", b"0123456789")

    assert time.monotonic() - started < 2
    assert not isinstance(refusal.value, Unavailable)
    assert what in refusal.value.problems[0].what
    assert fix in refusal.value.problems[0].fix
    if "full" in what:
        assert "10 bytes free for it" in refusal.value.problems[0].expected


def test_a_server_that_sends_its_asker_in_circles_is_refused_at_once(scripted: list[Answer]) -> None:
    """Also where Python stops the circle in the middle of a request, which then looks like a broken connection."""
    scripted.append(xml(301, "PermanentRedirect"))
    blobs = S3Blobs("s3://bucket")

    for depth in range(0, 40, 2):
        with pytest.raises(OutOfReach) as refusal:
            at_depth(depth, lambda: blobs.replace("key", b"0123456789"))
        assert not isinstance(refusal.value, Unavailable), depth


def at_depth(depth: int, call: Callable[[], None]) -> None:
    """Call something with so many frames on the stack already."""
    if depth:
        at_depth(depth - 1, call)
    else:
        call()


@pytest.mark.parametrize(
    ("endpoint", "got"),
    [
        ("http://no-such-host.invalid:1", "no host of the name no-such-host.invalid"),
        ("htp://127.0.0.1:1", "htp"),
        ("127.0.0.1:1", "Invalid endpoint"),
        ("nonsense", "Invalid endpoint"),
    ],
)
def test_a_wrong_address_is_refused_at_once(
    scripted: list[Answer], monkeypatch: pytest.MonkeyPatch, endpoint: str, got: str
) -> None:
    """A name that nobody knows, a scheme that is none: no wait helps."""
    assert scripted == []
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
    started = time.monotonic()

    with pytest.raises(OutOfReach) as refusal:
        S3Blobs("s3://bucket").read("key")

    assert time.monotonic() - started < 2
    assert not isinstance(refusal.value, Unavailable)
    assert got in refusal.value.problems[0].got


def test_tls_where_there_is_none_is_refused_at_once(scripted: list[Answer], monkeypatch: pytest.MonkeyPatch) -> None:
    """TLS for a server that speaks http."""
    scripted.append(whole)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", os.environ["AWS_ENDPOINT_URL_S3"].replace("http://", "https://"))

    with pytest.raises(OutOfReach) as refusal:
        S3Blobs("s3://bucket").read("key")

    assert not isinstance(refusal.value, Unavailable)


def test_patience_ends(scripted: list[Answer], monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """When it is over the refusal says for how long; a line said what was waited for."""
    scripted.append(xml(503, "ServiceUnavailable"))
    monkeypatch.setenv(Variable.PATIENCE, "0.6")

    with pytest.raises(Unavailable) as refusal:
        S3Blobs("s3://bucket").read("key")

    assert refusal.value.problems[0].what == "the store s3://bucket is out of reach"
    assert "(it was waited for 1 s)" in refusal.value.problems[0].fix
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "the store s3://bucket does not answer (HTTP 503 ServiceUnavailable" in said
    assert "waiting, for " in said


@pytest.mark.parametrize("value", ["long", "-1", "nan", "inf"])
def test_a_patience_that_is_none_is_refused(
    scripted: list[Answer], monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """A typo in the variable is a refusal, and no wait for ever."""
    scripted.append(reset)
    monkeypatch.setenv(Variable.PATIENCE, value)

    with pytest.raises(Refused) as refusal:
        S3Blobs("s3://bucket").read("key")

    assert refusal.value.problems[0].got == value


def test_a_create_whose_answer_was_lost_was_a_create(scripted: list[Answer]) -> None:
    """The try after it finds the key taken, by these very bytes: it was ours. By others it was not."""
    scripted += [reset, xml(412, "PreconditionFailed"), whole]
    ours = S3Blobs("s3://bucket").create("key", b"0123456789")
    scripted[:] = [reset, xml(412, "PreconditionFailed"), whole]
    others = S3Blobs("s3://bucket").create("key", b"something else")
    scripted[:] = [xml(412, "PreconditionFailed"), whole]
    nobodys = S3Blobs("s3://bucket").create("key", b"0123456789")

    assert (ours, others, nobodys) == (True, False, False)


def test_a_store_that_is_killed_costs_time_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real server dies and comes back while a step reads, writes, lists and uploads: all of it ends well."""
    monkeypatch.setenv(Variable.PATIENCE, "60")
    server = S3Server(tmp_path, "key", secrets.token_hex(20), dies_with_parent=True)
    large = tmp_path / "large"
    large.write_bytes(secrets.token_bytes(LARGE + 1))
    with server:
        server.create_bucket("kept")
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        blobs = S3Blobs(f"s3://kept/{uuid.uuid4().hex}")
        blobs.replace("a", b"1")
        server.kill()
        found: list[Any] = []
        threads = [
            threading.Thread(target=lambda work=work: found.append(work()))  # type: ignore[misc]
            for work in (
                lambda: blobs.read("a"),
                lambda: blobs.create("b", b"2"),
                lambda: blobs.upload("c", large),
                lambda: blobs.size("a"),
            )
        ]
        for thread in threads:
            thread.start()
        time.sleep(2)
        server.start()
        for thread in threads:
            thread.join(60)

        assert sorted(map(str, found)) == sorted(map(str, [b"1", True, None, 1]))
        assert list(blobs.keys("")) == ["a", "b", "c"]
        assert blobs.sha256("c") is not None


def test_a_waiting_step_ends_when_it_is_asked_to() -> None:
    """SIGTERM in the middle of a wait: gone within two seconds, and what it waited for was said."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    environment = os.environ | {
        "AWS_ENDPOINT_URL_S3": address,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        Variable.PATIENCE: "300",
        Variable.STORE: "s3://featherline",
        Variable.REQUEST: json.dumps(
            {"inputs": {"data": {"uri": "x", "sha256": "1" * 64, "bytes": 1}}, "params": {"recipe": "digits"}}
        ),
    }
    command = [sys.executable, "-m", "featherline.tasks", "validate_data"]
    child = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, cwd=Path.cwd())
    try:
        assert child.stderr is not None
        assert any("waiting, for" in line for line in child.stderr)
        asked = time.monotonic()
        child.send_signal(signal.SIGTERM)
        child.wait(10)
    finally:
        child.kill()

    assert time.monotonic() - asked < 2


def test_a_step_that_waited_in_vain_may_be_tried_again() -> None:
    """Exit 75 with the four parts, which Airflow retries, and no traceback."""
    environment = os.environ | {
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        Variable.PATIENCE: "0.1",
        Variable.STORE: "s3://featherline",
    }

    data = {"uri": "x", "sha256": "1" * 64, "bytes": 1}
    environment[Variable.REQUEST] = json.dumps({"inputs": {"data": data}, "params": {"recipe": "digits"}})

    ran = subprocess.run(
        [sys.executable, "-m", "featherline.tasks", "validate_data"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 75
    assert ran.stdout.startswith("unavailable\nthe store s3://featherline is out of reach\n")
    assert "Traceback" not in ran.stdout + ran.stderr
