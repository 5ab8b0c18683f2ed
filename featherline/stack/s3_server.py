"""An S3 server of this machine: SeaweedFS, durable, on loopback, with keys.

    S3Server(folder, access_key, secret_key) ──► start ──► url, ready when a write and a read have worked ──► stop

The flags close what `weed mini` leaves open by default: it would listen on every address, serve every object without
keys on a second port, make a bucket of every typo, delete full buckets, and send usage data. The ports between its own
parts demand certificates and signed requests, as nothing else keeps other users of the machine from them; whether they
do is looked at before anything is stored.
"""

from __future__ import annotations

import ctypes
import functools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from featherline.stack.ports import HOST, is_free
from featherline.stack.private import UMASK, close, private_folder
from featherline.stack.processes import MARK
from featherline.stack.s3_probe import IN_KERNEL, listening, open_doors, ports_of
from featherline.stack.s3_program import PORTS, command, free_ports, grpc_sockets
from featherline.stack.s3_security import write_security
from featherline.whole_file import write_whole

REGION = "us-east-1"
__all__ = ["PORTS", "REGION", "S3Server", "free_ports"]
INHERITED = ("PATH", "LANG", "LC_ALL", "TZ", MARK)
"""All that it knows of the caller's environment: a WEED_* variable beats its configuration, AWS_* its keys."""
CANARY = "featherline-ready"
"""The bucket that readiness is seen in."""
CANARY_KEY = "canary"
GRACE_S = 4.0
"""Clients that keep a connection open stretch a polite end to 29 s; what was acknowledged survives a kill."""


class NotClosedError(RuntimeError):
    """The server would let a stranger in, or cannot be seen not to; it was stopped.

    Attributes:
        doors: What was found, in words.
    """

    def __init__(self, doors: Sequence[str]) -> None:
        super().__init__(f"SeaweedFS is not closed to other users of this machine: {'; '.join(doors)}")
        self.doors = tuple(doors)


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
            folder: For data, identities, certificates and log. Its owner alone can enter it.
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
        return _session().client(
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
        """Start the server, wait until a write and a read have worked (1 s), and look whether it is closed.

        Raises:
            NotClosedError: It is open to others, or is not where it should be.
            RuntimeError: The program is not installed, it ended, or is not ready in time; the log's end is told.
        """
        self.port = self.port or free_ports()
        private_folder(self.folder)
        private_folder(self.folder / "data")
        identities = self._write_identities()
        write_security(self.folder)
        self._remove_sockets()
        environment = {name: os.environ[name] for name in INHERITED if name in os.environ}
        with open(self.folder / "weed.log", "ab", opener=_private) as log:
            self.process = subprocess.Popen(
                command(self.folder, self.port, identities),
                # Unbounded it peaks at 920 MB; at 256 MiB it collects garbage all day.
                env=environment | {"GOMEMLIMIT": "512MiB", "HOME": str(self.folder)},
                cwd=self.folder,
                umask=UMASK,
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
            # The files of a bucket are made with its first object, one of them with a mode that others could read.
            client.put_object(Bucket=name, Key=CANARY_KEY, Body=b"1")
            client.delete_object(Bucket=name, Key=CANARY_KEY)
            close(self.folder / "data")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _write_identities(self) -> Path:
        all_actions = ["Admin", "Read", "Write", "List", "Tagging"]
        users = [("admin", self.access_key, self.secret_key, all_actions)]
        users += [(f"reader{i}", key, secret, ["Read", "List"]) for i, (key, secret) in enumerate(self.readers.items())]
        content = [
            {"name": name, "credentials": [{"accessKey": key, "secretKey": secret}], "actions": actions}
            for name, key, secret, actions in users
        ]
        path = self.folder / "identities.json"
        write_whole(path, json.dumps({"identities": content}).encode())
        return path

    def _remove_sockets(self) -> None:
        """Remove the sockets that a server of these ports has left when it was killed.

        Raises:
            RuntimeError: Another user's file lies where one has to be; the server would talk to whoever that is.
        """
        for name in ("filer.sock", "s3.sock"):
            (self.folder / name).unlink(missing_ok=True)
        for port, path in grpc_sockets(self.port or 0).items():
            if not is_free(port):  # it is another server's, which is alive
                continue
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise RuntimeError(f"SeaweedFS cannot have its socket {path}: {error.strerror}") from error

    def _wait_until_ready(self, timeout_s: float) -> None:
        end = time.monotonic() + timeout_s
        last: Exception | None = None
        while time.monotonic() < end:
            if self.process is not None and (code := self.process.poll()) is not None:
                raise RuntimeError(f"SeaweedFS ended with {code}\n{self._log_end()}")
            if (IN_KERNEL, self.port) not in listening(self.pid or 0):  # nobody else is to be taken for it
                time.sleep(0.05)
                continue
            try:
                self.create_bucket(CANARY)
                self.client().put_object(Bucket=CANARY, Key=CANARY_KEY, Body=b"1")
                self.client().get_object(Bucket=CANARY, Key=CANARY_KEY)["Body"].read()
            except (BotoCoreError, ClientError) as error:
                last = error
                time.sleep(0.1)
            else:
                return self._look_whether_it_is_closed(end)
        self.kill()
        raise RuntimeError(f"SeaweedFS was not ready in {timeout_s:.0f} s: {last}\n{self._log_end()}")

    def _look_whether_it_is_closed(self, end: float) -> None:
        """Stop the server where a stranger would be let in by any of its ports, the last of which opens late."""
        first, pid = self.port or 0, self.pid or 0
        wanted = set(ports_of(first))
        while len(listening(pid)) < len(wanted) and time.monotonic() < end:
            time.sleep(0.05)
        doors = open_doors(pid, first)
        if doors:
            self.kill()
            raise NotClosedError(doors)
        close(self.folder)  # it gives some files a mode of its own

    def _log_end(self) -> str:
        return "\n".join((self.folder / "weed.log").read_text(errors="replace").splitlines()[-20:])


@functools.cache
def _session() -> boto3.Session:
    """Return a session that knows nothing of the caller's own accounts: a profile that is not there would be fatal."""
    unset = (None, None, None, None)
    return boto3.Session(botocore_session=botocore.session.Session({"profile": unset, "config_file": unset}))


def _death_with_parent() -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    pr_set_pdeathsig = 1
    return lambda: prctl(pr_set_pdeathsig, signal.SIGKILL)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
