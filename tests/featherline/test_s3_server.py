"""The S3 server of the embedded stack."""

from __future__ import annotations

import socket
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from featherline.stack.s3_server import PORTS, S3Server, free_ports

SECRET = "0123456789abcdef0123456789abcdef"  # noqa: S105 - of a server that lives for one test
ORPHAN = """
import sys
from pathlib import Path
from featherline.stack.s3_server import S3Server
server = S3Server(Path(sys.argv[1]), "key", sys.argv[2], dies_with_parent=True).start()
print(server.pid, flush=True)
sys.stdin.read()
"""


def test_two_servers_do_not_see_each_other(s3_server: S3Server, tmp_path: Path) -> None:
    """Each has its own ports, its own keys and its own buckets."""
    with S3Server(tmp_path, "key", SECRET) as other:
        other.create_bucket("mine")

        buckets = {bucket["Name"] for bucket in s3_server.client().list_buckets()["Buckets"]}
        with pytest.raises(ClientError, match="InvalidAccessKeyId"):
            s3_server.client("key", SECRET).list_buckets()

    assert other.url != s3_server.url
    assert "mine" not in buckets


def test_nothing_is_left_after_a_stop(tmp_path: Path) -> None:
    """A stopped server has no process and no port; its folder gives the same server again, with a new port too."""
    server = S3Server(tmp_path, "key", SECRET).start()
    server.create_bucket("kept")
    port = server.port or 0

    server.stop()
    server.stop()

    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
    with S3Server(tmp_path, "key", SECRET) as again:
        assert "kept" in {bucket["Name"] for bucket in again.client().list_buckets()["Buckets"]}


def test_only_the_owner_reads_the_keys(tmp_path: Path) -> None:
    """The file that holds the secrets has mode 600."""
    with S3Server(tmp_path, "key", SECRET):
        assert stat.S_IMODE((tmp_path / "identities.json").stat().st_mode) == 0o600


def test_no_port_gives_objects_without_keys(s3_server: S3Server) -> None:
    """SeaweedFS also has a filer that would serve every object to anybody: none of the ports does."""
    s3_server.client().put_object(Bucket="featherline", Key="secret.txt", Body=b"top secret")
    first = s3_server.port or 0
    paths = ("featherline/secret.txt", "buckets/featherline/secret.txt")

    for port in range(first, first + PORTS):
        for path in paths:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=5) as answer:
                    content = answer.read()
            except (urllib.error.URLError, OSError):
                continue
            assert b"top secret" not in content


def test_a_typo_makes_no_bucket_and_a_full_one_stays(s3_server: S3Server) -> None:
    """Neither a write nor a delete does what nobody asked for."""
    s3_server.client().put_object(Bucket="featherline", Key="full", Body=b"1")

    with pytest.raises(ClientError, match="NoSuchBucket"):
        s3_server.client().put_object(Bucket="featherlin", Key="k", Body=b"1")
    with pytest.raises(ClientError, match="BucketNotEmpty"):
        s3_server.client().delete_bucket(Bucket="featherline")


def test_a_server_that_cannot_start_says_why(s3_server: S3Server, tmp_path: Path) -> None:
    """A port that is taken ends the start with the server's own last words, and leaves no process."""
    server = S3Server(tmp_path, "key", SECRET, port=s3_server.port)

    with pytest.raises(RuntimeError, match="SeaweedFS"):
        server.start(timeout_s=10)

    assert server.process is not None
    assert server.process.poll() is not None


def test_a_server_can_end_with_its_parent(tmp_path: Path) -> None:
    """Where asked for, a server does not outlive the process that started it, however that ends."""
    parent = subprocess.Popen(
        [sys.executable, "-c", ORPHAN, tmp_path, SECRET], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    server = Path("/proc", parent.stdout.readline().strip())
    ran = server.exists()

    parent.kill()
    parent.wait()

    end = time.monotonic() + 5
    while server.exists() and "Z" not in (server / "stat").read_text().split() and time.monotonic() < end:
        time.sleep(0.05)
    assert ran
    assert not server.exists() or "Z" in (server / "stat").read_text().split()


def test_rows_of_ports_are_free() -> None:
    """The first port of a row can be listened on, and its gRPC twin too."""
    first = free_ports()

    for port in (first, first + PORTS - 1, first + 10000):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
