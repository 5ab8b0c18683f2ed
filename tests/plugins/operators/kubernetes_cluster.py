"""A Kubernetes API server on loopback, as far as one pod needs it: the provider and its client are the real ones.

    create, read, list by label, patch, delete ─► pods, kept as the client sent them
    log ─► the lines of the ending             exec ─► a WebSocket (v4.channel.k8s.io): the answer, then the end

What it cannot show: scheduling, pulling, admission, the kernel's limits. How a pod ends is what a test says.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import struct
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
STDOUT, STATUS = b"\x01", b"\x03"


@dataclass
class Ending:
    """How every pod ends from now on.

    Attributes:
        code: The exit code of the step; None while it runs.
        reason: The kubelet's word for it.
        answer: What lies at the path of the result.
        log: What the step printed.
        status: Added to the pod's status, such as the reason of an eviction.
        sidecar: Whether the container that hands over the answer still runs.
    """

    code: int | None = 0
    reason: str = "Completed"
    answer: str | None = None
    log: list[str] = field(default_factory=list)
    status: dict[str, Any] = field(default_factory=dict)
    sidecar: bool = True


class Cluster(ThreadingHTTPServer):
    """The API server of one test."""

    daemon_threads = True

    def __init__(self) -> None:
        """Listen on a free port of loopback."""
        super().__init__(("127.0.0.1", 0), Handler)
        self.ending = Ending()
        self.pods: dict[str, dict[str, Any]] = {}
        self.made: list[dict[str, Any]] = []
        self.asked: list[str] = []
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        """Return its address."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def kubeconfig(self) -> dict[str, Any]:
        """Return a configuration that leads to it."""
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": "ml"}}],
            "clusters": [{"name": "test", "cluster": {"server": self.url}}],
            "users": [{"name": "test", "user": {"token": "word"}}],
        }

    def seen(self, name: str) -> dict[str, Any]:
        """Return a pod with the status that it has now."""
        ending = self.ending
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        done = {"terminated": {"exitCode": ending.code, "reason": ending.reason, "finishedAt": now}}
        running: dict[str, Any] = {"running": {}}
        states = {"base": running if ending.code is None else done}
        states["airflow-xcom-sidecar"] = running if ending.sidecar else {"terminated": {"exitCode": 0}}
        containers = [
            {"name": one, "state": state, "ready": True, "restartCount": 0, "image": "", "imageID": ""}
            for one, state in states.items()
        ]
        status = {"phase": "Running", "containerStatuses": containers} | ending.status
        return self.pods[name] | {"status": status}


class Handler(BaseHTTPRequestHandler):
    """One request to the API."""

    protocol_version = "HTTP/1.1"
    server: Cluster
    ROUTES: ClassVar[dict[str, str]] = {"log": "_log", "exec": "_exec"}

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        """Make a pod."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.made.append(body)
        self.server.pods[body["metadata"]["name"]] = body
        self._json(self.server.seen(body["metadata"]["name"]), 201)

    def do_GET(self) -> None:
        """Read a pod or its log, list pods or events, or run a program in a pod."""
        _, name, part, query = self._place()
        if "/events" in self.path:
            self._json({"kind": "EventList", "apiVersion": "v1", "metadata": {}, "items": []})
        elif not name:
            selector = query.get("labelSelector", [""])[0].split(",")
            found = [one for one, pod in self.server.pods.items() if all(_fits(pod, rule) for rule in selector)]
            items = [self.server.seen(one) for one in found]
            self._json({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items})
        elif name not in self.server.pods:
            self._json({"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404}, 404)
        elif part:
            getattr(self, self.ROUTES[part])(query)
        else:
            self._json(self.server.seen(name))

    def do_PATCH(self) -> None:
        """Change a pod's labels."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        _, name, _, _ = self._place()
        self.server.pods[name]["metadata"]["labels"] |= body["metadata"]["labels"]
        self._json(self.server.seen(name))

    def do_DELETE(self) -> None:
        """Delete a pod."""
        _, name, _, _ = self._place()
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        pod = self.server.seen(name)
        del self.server.pods[name]
        self._json(pod)

    def _place(self) -> tuple[str, str, str, dict[str, list[str]]]:
        url = urlsplit(self.path)
        found = re.fullmatch(r"/api/v1/namespaces/([^/]+)/(?:pods|events)/?([^/]*)/?(\w*)", url.path)
        assert found, f"nobody answers {self.command} {self.path}"
        self.server.asked.append(f"{self.command} {url.path}")
        return found[1], found[2], found[3], parse_qs(url.query)

    def _json(self, body: Any, code: int = 200) -> None:
        self._send(json.dumps(body).encode(), "application/json", code)

    def _send(self, data: bytes, kind: str, code: int = 200) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _log(self, _: Any) -> None:
        lines = (f"2026-01-01T00:00:{i:02}.000000000Z {line}\n" for i, line in enumerate(self.server.ending.log))
        self._send("".join(lines).encode(), "text/plain")

    def _exec(self, query: dict[str, list[str]]) -> None:
        digest = hashlib.sha1((self.headers["Sec-WebSocket-Key"] + MAGIC).encode(), usedforsecurity=False).digest()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(digest).decode())
        self.send_header("Sec-WebSocket-Protocol", "v4.channel.k8s.io")
        self.end_headers()
        if "-c" in query["command"]:  # the question for the answer; the other one ends the sidecar by its input
            answer = self.server.ending.answer
            self._frame(STDOUT + ("__airflow_xcom_result_empty__\n" if answer is None else answer).encode())
        else:
            self.rfile.read(2)
        self._frame(STATUS + json.dumps({"status": "Success", "metadata": {}}).encode())
        self.wfile.write(b"\x88\x02" + struct.pack("!H", 1000))
        self.close_connection = True

    def _frame(self, data: bytes) -> None:
        size = bytes([len(data)]) if len(data) < 126 else b"\x7f" + struct.pack("!Q", len(data))
        self.wfile.write(b"\x82" + size + data)


def _fits(pod: dict[str, Any], rule: str) -> bool:
    """Return whether a pod has the labels that one rule of a selector asks for: `a=b`, `a!=b`, `!a`."""
    labels = pod["metadata"]["labels"]
    name, sign, value = rule.partition("=")
    if not sign:
        return name.lstrip("!") not in labels
    return labels.get(name.rstrip("!")) != value if name.endswith("!") else labels.get(name) == value
