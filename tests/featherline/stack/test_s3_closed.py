"""The embedded SeaweedFS, tried by another user of the machine through each of its ports and each verb of `weed`."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from stranger import as_nobody, ask, call, needs_root, open_to_others, readable, run_as_nobody, stranger_tls

from featherline.places import Places
from featherline.stack import s3_server as server_module
from featherline.stack.launch import launch, own_processes
from featherline.stack.record import Stack
from featherline.stack.s3_probe import GRPC, NAMES, listening, open_doors
from featherline.stack.s3_program import command, free_ports, grpc_sockets, is_row_free, weed
from featherline.stack.s3_security import write_security
from featherline.stack.s3_server import S3Server
from featherline.tasks.contracts.refusal import Refused

WORDS = b"the words that nobody may read"
SECRET = "0123456789abcdef0123456789abcdef"  # noqa: S105 - of a server that lives for one test
METHODS = {
    "S3": ("/messaging_pb.SeaweedS3IamCache/RemoveIdentity", "/s3_pb.SeaweedS3/Configure"),
    "master": (
        "/master_pb.Seaweed/Assign",
        "/master_pb.Seaweed/VolumeList",
        "/master_pb.Seaweed/GetMasterConfiguration",
    ),
    "volume": ("/volume_server_pb.VolumeServer/VolumeServerStatus", "/volume_server_pb.VolumeServer/ReadAllNeedles"),
    "filer": (
        "/filer_pb.SeaweedFiler/ListEntries",
        "/filer_pb.SeaweedFiler/GetFilerConfiguration",
        "/iam_pb.SeaweedIdentityAccessManagement/GetConfiguration",
    ),
    "admin": ("/worker_pb.WorkerService/WorkerStream", "/plugin_pb.PluginControlService/WorkerStream"),
}
VERBS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS")


@pytest.fixture
def secret_object(s3_server: S3Server) -> str:
    """Put an object, and give the file id under which the volume server holds it."""
    s3_server.client().put_object(Bucket="featherline", Key="secret.txt", Body=WORDS * 100)
    told = shell(s3_server, "fs.meta.cat /buckets/featherline/secret.txt")
    found = re.search(r'"fileId":\s*"(\d+,[0-9a-f]+)"', told)
    assert found, told
    return found[1]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a folder that nobody could go to, were it not for its own mode."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def shell(server: S3Server, words: str) -> str:
    """Return what the owner's own `weed shell` says."""
    asked = [weed(), f"-config_dir={server.folder}", "shell", f"-master=127.0.0.1:{(server.port or 0) + 1}"]
    return subprocess.run(asked, input=words, capture_output=True, text=True, timeout=30, check=True).stdout


def token(header: str, key: bytes, claims: dict[str, object]) -> str:
    """Return a JWT that is signed with a key of one's own."""

    def encoded(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    signed = f"{encoded(json.dumps({'alg': header, 'typ': 'JWT'}).encode())}.{encoded(json.dumps(claims).encode())}"
    return f"{signed}.{encoded(hmac.digest(key, signed.encode(), hashlib.sha256)) if header != 'none' else ''}"


@needs_root
def test_no_port_speaks_grpc_with_a_stranger(s3_server: S3Server, folder: Path) -> None:
    """Neither in plain text, nor by TLS without a certificate, nor with one of another authority."""
    write_security(folder)
    ways = {
        "plain": None,
        "no certificate": stranger_tls(),
        "foreign": stranger_tls(folder / "tls" / "weed.crt", folder / "tls" / "weed.key"),
    }
    tls = server_folder_tls(s3_server)
    first = (s3_server.port or 0) + GRPC

    def attack() -> list[str]:
        return [
            f"{name} {way} {method}"
            for number, name in enumerate(NAMES)
            for way, context in ways.items()
            for method in METHODS[name]
            if call(first + number, method, context)
        ]

    assert as_nobody(attack) == []
    assert call(first + 1, METHODS["master"][1], tls), "whoever has the certificate is spoken with"


def server_folder_tls(server: S3Server) -> object:
    """Return the TLS of one who has the server's own certificate."""
    return stranger_tls(server.folder / "tls" / "weed.crt", server.folder / "tls" / "weed.key")


@needs_root
def test_no_port_gives_or_takes_anything_by_http(s3_server: S3Server, secret_object: str) -> None:
    """Master, volume, filer and admin refuse each verb, with forged tokens too; S3 refuses whoever has no keys."""
    first = s3_server.port or 0
    claims = {"exp": 4102444800, "fid": secret_object}
    forged = [
        token(*one, claims) for one in (("none", b""), ("HS256", b""), ("HS256", b"secret"), ("HS256", b"signing"))
    ]
    headers = [{}, *({"Authorization": f"BEARER {one}"} for one in forged)]
    paths = (
        *("/", "/status", "/healthz", "/ui/index.html", "/stats/disk", "/stats/memory", "/admin/", "/metrics"),
        *("/dir/assign", "/dir/lookup?volumeId=1", "/dir/status", "/vol/grow", "/vol/status", "/vol/vacuum", "/submit"),
        *(
            "/cluster/status",
            "/cluster/healthz",
            "/buckets/featherline/secret.txt",
            "/featherline/secret.txt",
            "/login",
        ),
        *(f"/{secret_object}", f"/{secret_object}?type=replicate", "/debug/pprof/", "/api/config", "/?pretty=y"),
    )

    def attack() -> list[str]:
        ways = (None, stranger_tls())
        found = [
            f"{verb} {NAMES[number]} {path}: {status}"
            for number in range(1, len(NAMES))
            for way in ways
            for path in paths
            for verb in (VERBS if path.startswith(f"/{secret_object}") else ("GET", "POST"))
            for header in (
                headers if path.startswith(f"/{secret_object}") and NAMES[number] == "volume" else headers[:1]
            )
            for status, body in [ask(first + number, verb, path, header, way)]
            if (status and b"HTTPS server" not in body and verb != "HEAD") or 200 <= status < 400
        ]
        found += [
            f"{verb} S3 {path}: {status} {body!r}"
            for path in (
                "/",
                "/featherline",
                "/featherline/secret.txt",
                "/featherline?policy",
                "/x",
                "/status",
                "/healthz",
            )
            for verb in VERBS
            for status, body in [ask(first, verb, path)]
            if body and status < 400
        ]
        return found

    assert as_nobody(attack) == []
    assert s3_server.client().get_object(Bucket="featherline", Key="secret.txt")["Body"].read() == WORDS * 100


@needs_root
def test_no_verb_of_weed_opens_anything(s3_server: S3Server, secret_object: str, folder: Path) -> None:
    """A stranger's own `weed`, which can be every part of SeaweedFS, gets no key and no object, and changes nothing."""
    first = s3_server.port or 0
    master, filer = (f"127.0.0.1:{first + number}" for number in (1, 3))
    own = free_ports()
    mine, data = (str(folder / name) for name in ("mine", "data"))
    theirs = str(s3_server.folder / "data")
    gateway = [f"-port={own}", f"-port.grpc={own + GRPC}", "-ip.bind=127.0.0.1", f"-filer={filer}"]
    verbs = [
        ["shell", f"-master={master}"],
        ["shell", f"-master={master}", f"-filer={filer}"],
        ["s3", *gateway],
        ["iam", f"-port={own + 1}", f"-filer={filer}", f"-master={master}"],
        ["webdav", f"-port={own + 2}", f"-filer={filer}"],
        ["sftp", f"-port={own + 3}", f"-filer={filer}"],
        ["filer", f"-master={master}", f"-port={own + 4}", f"-port.grpc={own + 4 + GRPC}", f"-defaultStoreDir={mine}"],
        ["volume", f"-master={master}", f"-port={own + 5}", f"-port.grpc={own + 5 + GRPC}", f"-dir={folder}"],
        ["master.follower", f"-masters={master}", f"-port={own + 6}", f"-port.grpc={own + 6 + GRPC}"],
        ["admin", f"-master={master}", f"-port={own + 7}", f"-dataDir={mine}"],
        ["worker", f"-admin=127.0.0.1:{first + 4}"],
        ["mq.broker", f"-master={master}", f"-port={own + 8}"],
        ["mount", f"-filer={filer}", f"-dir={folder}"],
        ["filer.cat", f"http://{filer}/buckets/featherline/secret.txt"],
        ["filer.copy", str(folder / "0.txt"), f"http://{filer}/buckets/featherline/"],
        ["filer.meta.tail", f"-filer={filer}", "-timeAgo=24h"],
        ["filer.meta.scan", f"-filer={filer}"],
        ["filer.backup", f"-filer={filer}"],
        ["filer.sync", f"-a={filer}", f"-b=127.0.0.1:{own + 9}"],
        ["filer.remote.sync", f"-filer={filer}"],
        ["download", f"-server={master}", f"-dir={folder}", secret_object],
        ["upload", f"-master={master}", str(folder / "0.txt")],
        ["benchmark", f"-master={master}", "-n=10"],
        ["backup", f"-server={master}", f"-dir={folder}", f"-volumeId={secret_object.partition(',')[0]}"],
        ["export", f"-dir={theirs}", f"-volumeId={secret_object.partition(',')[0]}", f"-o={data}.tar"],
        ["fix", theirs],
        ["compact", f"-dir={theirs}", f"-volumeId={secret_object.partition(',')[0]}"],
    ]
    asked = (
        "s3.configure\nfs.ls /buckets\nfs.cat /buckets/featherline/secret.txt\nfs.rm /buckets/featherline/secret.txt\n"
    )

    printed = run_as_nobody([[weed(), *verb] for verb in verbs], folder, 5, asked + "volume.list\ns3.user.list\n")

    left = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    for word in (WORDS.decode(), s3_server.secret_key, s3_server.access_key, "secret.txt\n", "featherline-ready"):
        assert word not in "".join(printed), next(one for one in printed if word in one)
        assert word.encode() not in left
    assert s3_server.client().get_object(Bucket="featherline", Key="secret.txt")["Body"].read() == WORDS * 100
    assert "featherline" in shell(s3_server, "fs.ls /buckets"), "the owner's own weed goes on working"
    assert str(folder) not in shell(s3_server, "volume.list")


@needs_root
def test_a_stranger_opens_no_file_and_no_socket(s3_server: S3Server, secret_object: str) -> None:
    """Not the folder, and where its own folder were open, nothing that is in it either."""
    assert secret_object
    inside = sorted(s3_server.folder.rglob("*"))
    sockets = list(grpc_sockets(s3_server.port or 0).values())
    assert len(inside) > 10
    assert all(stat.S_ISSOCK(path.stat().st_mode) for path in sockets)

    assert as_nobody(lambda: readable([s3_server.folder, *inside, *sockets])) == []
    # SeaweedFS gives the few bytes of a volume's format this mode whenever it cleans that volume up.
    assert [found for found in open_to_others(s3_server.folder) if not found.endswith(".vif")] == []


def test_a_configuration_that_cannot_be_read_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SeaweedFS starts all the same, open to everybody: it is stopped, and each open port is named."""
    monkeypatch.setattr(
        server_module, "write_security", lambda folder: (folder / "security.toml").write_text("[grpc\n")
    )
    server = S3Server(tmp_path, "key", SECRET, dies_with_parent=True)

    with pytest.raises(RuntimeError, match="not closed to other users") as failure:
        server.start()

    assert all(f"{name} takes gRPC without a certificate" in str(failure.value) for name in NAMES)
    assert "volume answers anybody" in str(failure.value)
    assert server.process is not None
    assert server.process.poll() is not None


def test_a_stack_whose_s3_is_open_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal names each open port; nothing of the server is left."""
    monkeypatch.setattr(
        server_module, "write_security", lambda folder: (folder / "security.toml").write_text("[grpc\n")
    )
    places = Places(var=tmp_path)
    stack = Stack(servers=(), s3_port=free_ports(), mlflow_port=1, airflow_port=2)

    with pytest.raises(Refused) as refusal:
        launch(places, stack, "s3")

    (problem,) = refusal.value.problems
    assert "open to other users" in problem.what
    assert f"filer takes gRPC without a certificate on port {stack.s3_port + GRPC + 3}" in problem.got
    assert own_processes(places, stack) == []


@pytest.mark.parametrize("part", ["https.master", "grpc.filer"])
def test_one_part_that_is_open_is_enough(tmp_path: Path, part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A section that is lost leaves that port open, or the server never ready: neither is taken for a closed one."""

    def lose(folder: Path) -> None:
        write_security(folder)
        text = (folder / "security.toml").read_text()
        (folder / "security.toml").write_text(text.replace(f"[{part}]", f"[{part}.lost]"))

    monkeypatch.setattr(server_module, "write_security", lose)

    with pytest.raises(RuntimeError, match="SeaweedFS"):
        S3Server(tmp_path, "key", SECRET, dies_with_parent=True).start(timeout_s=4)


def test_what_lay_there_before_does_not_open_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An open folder with open files, sockets of a killed server, foreign variables and a wide umask: closed anyway."""
    folder = tmp_path / ("a folder with \"quotes\" and \\ in its 'näme' " + "x" * 60)
    folder.mkdir(mode=0o755)
    (folder / "data").mkdir(mode=0o777)
    (folder / "identities.json").write_text("{}")
    (folder / "weed.log").touch(mode=0o666)
    (folder / "security.toml").write_text("[")
    for name in (
        "WEED_GRPC_MASTER_CERT",
        "WEED_GRPC_CA",
        "WEED_JWT_SIGNING_KEY",
        "WEED_HTTPS_VOLUME_CA",
        "AWS_PROFILE",
    ):
        monkeypatch.setenv(name, "/nowhere")
    port = free_ports()
    for path in grpc_sockets(port).values():
        path.unlink(missing_ok=True)  # of a server that was killed here before
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(path))
    before = os.umask(0)
    try:
        server = S3Server(folder, "key", SECRET, port=port, dies_with_parent=True).start()
    finally:
        os.umask(before)

    doors = open_doors(server.pid or 0, port)
    names = Path(f"/proc/{server.pid}/environ").read_text()
    words = Path(f"/proc/{server.pid}/cmdline").read_text()
    server.kill()

    assert doors == []
    assert open_to_others(folder) == []
    assert "WEED_" not in names
    assert "AWS_" not in names
    assert SECRET not in words + names


def test_a_taken_port_ends_the_start(tmp_path: Path) -> None:
    """SeaweedFS would move to another port without a word, and who holds its own would be taken for it."""
    port = free_ports()
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", port + GRPC + 1))
        squatter.listen()
        server = S3Server(tmp_path, "key", SECRET, port=port, dies_with_parent=True)

        with pytest.raises(RuntimeError, match="SeaweedFS"):
            server.start(timeout_s=3)

    assert server.process is not None
    assert server.process.poll() is not None


@needs_root
def test_a_socket_s_name_that_another_user_keeps_counts_as_a_taken_port() -> None:
    """The parts would talk to whoever that is; its owner, and root, can remove what was left."""
    port = free_ports()
    path = grpc_sockets(port)[port + GRPC + 2]
    for left in grpc_sockets(port).values():
        left.unlink(missing_ok=True)  # of a server that was killed here before
    with socket.socket(socket.AF_UNIX) as kept:
        kept.bind(str(path))
    try:
        assert as_nobody(lambda: is_row_free(port)) is False
        assert is_row_free(port)
    finally:
        path.unlink()
    assert as_nobody(lambda: is_row_free(port)) is True


def test_the_same_folder_starts_again_after_a_crash(tmp_path: Path) -> None:
    """With new certificates and new keys of its parts, on the same ports, with what was in it."""
    server = S3Server(tmp_path, "key", SECRET, dies_with_parent=True).start()
    server.create_bucket("kept")
    first = (tmp_path / "security.toml").read_text()
    server.kill()

    again = S3Server(tmp_path, "key", SECRET, port=server.port, dies_with_parent=True).start()
    buckets = {bucket["Name"] for bucket in again.client().list_buckets()["Buckets"]}
    addresses = listening(again.pid or 0)
    again.kill()

    assert "kept" in buckets
    assert len(addresses) == 10
    assert (tmp_path / "security.toml").read_text() != first


def test_the_program_without_all_this_is_open(tmp_path: Path) -> None:
    """What the probe and the strangers above find nothing of is there where SeaweedFS is started as it comes."""
    port = free_ports()
    (tmp_path / "identities.json").write_text('{"identities": []}')
    asked = command(tmp_path, port, tmp_path / "identities.json")
    with subprocess.Popen(asked, cwd=tmp_path, env={}, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT) as process:
        try:
            while len(listening(process.pid)) < 10:
                assert process.poll() is None

            doors = open_doors(process.pid, port)
            spoken = [call(port + GRPC + number, METHODS[name][0]) for number, name in enumerate(NAMES)]
        finally:
            process.kill()

    assert all(any(door.startswith(f"{name} takes gRPC") for door in doors) for name in NAMES)
    assert all(spoken)
