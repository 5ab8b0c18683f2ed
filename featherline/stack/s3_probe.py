"""Looks whether SeaweedFS is as closed as it was told to be, with what a stranger would send.

    pid, first port ──► where it listens ──► plain gRPC, plain HTTP, S3 without keys ──► what is wrong, nothing of it

It starts open where its configuration cannot be read, and moves on to other ports where one is taken, without a word.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from pathlib import Path

from featherline.stack.ports import HOST

NAMES = ("S3", "master", "volume", "filer", "admin")
"""What the ports of a row are, from the first on."""
GRPC = 10000
"""Each port's twin for gRPC is so much higher."""
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
"""How a client without TLS begins to speak gRPC: the preface of HTTP/2, and settings, of which there are none."""
FRAME_BYTES, FRAME_TYPE, SETTINGS = 9, 3, 4
"""A server that takes it answers with its own settings: a frame's head has 9 bytes, the fourth of which is its type."""
SPEAKS_TLS = b"HTTPS server"
"""In the answer of a server that speaks TLS to a request in plain text."""
FORBIDDEN = b"403 "
ENOUGH_BYTES = 4096
PATIENCE_S = 2.0
IN_KERNEL = "".join(f"{byte:02X}" for byte in reversed(socket.inet_aton(HOST)))
"""How /proc/net/tcp writes the address."""
_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
LISTENS = "0A"
"""The state in /proc/net/tcp."""


def ports_of(first: int) -> list[int]:
    """Return the ten ports of a row."""
    return [port + twin for port in range(first, first + len(NAMES)) for twin in (0, GRPC)]


def listening(pid: int) -> set[tuple[str, int]]:
    """Return the addresses and ports that a process listens on, the addresses as the kernel writes them."""
    found = set()
    with contextlib.suppress(OSError):  # it has ended
        links = [link.readlink().name for link in Path(f"/proc/{pid}/fd").iterdir()]
        sockets = {link.removeprefix("socket:[").removesuffix("]") for link in links if link.startswith("socket:[")}
        for line in (line for table in _TABLES if table.exists() for line in table.read_text().splitlines()[1:]):
            words = line.split()
            if words[3] == LISTENS and words[9] in sockets:
                address, _, port = words[1].rpartition(":")
                found.add((address, int(port, 16)))
    return found


def open_doors(pid: int, first: int) -> list[str]:
    """Return what is open to a stranger or cannot be seen to be closed, in words; nothing where all is closed.

    Args:
        pid: Of SeaweedFS.
        first: The first of its ports.
    """
    there, wanted = listening(pid), {(IN_KERNEL, port) for port in ports_of(first)}
    found = [f"it listens on {address}:{port}, which is none of its own" for address, port in sorted(there - wanted)]
    found += [f"it does not listen on {HOST}:{port}" for _, port in sorted(wanted - there)]
    for number, name in enumerate(NAMES):
        port, twin = first + number, first + number + GRPC
        if takes_grpc(twin):
            found.append(f"{name} takes gRPC without a certificate on port {twin}")
        if gives_without_keys(port) if name == "S3" else answers_strangers(port):
            found.append(f"{name} answers anybody on port {port}")
    return found


def takes_grpc(port: int) -> bool:
    """Return whether a server speaks gRPC with whoever comes without a certificate."""
    answers = [_answer(port, PREFACE, tls=tls) for tls in (False, True)]
    return any(len(answer) >= FRAME_BYTES and answer[FRAME_TYPE] == SETTINGS for answer in answers)


def answers_strangers(port: int) -> bool:
    """Return whether a server answers HTTP without a certificate, but for saying that it speaks TLS alone."""
    answers = [_answer(port, _request(port), tls=tls) for tls in (False, True)]
    return any(answer and SPEAKS_TLS not in answer for answer in answers)


def gives_without_keys(port: int) -> bool:
    """Return whether an S3 server lists the buckets for whoever comes without keys, or does anything but refuse."""
    return not _answer(port, _request(port)).partition(b" ")[2].startswith(FORBIDDEN)


def _request(port: int) -> bytes:
    return f"GET / HTTP/1.1\r\nHost: {HOST}:{port}\r\nConnection: close\r\n\r\n".encode()


def _answer(port: int, words: bytes, *, tls: bool = False) -> bytes:
    """Return the beginning of a server's answer; none where it refuses, is silent or is not there."""
    found = b""
    try:
        with socket.create_connection((HOST, port), timeout=PATIENCE_S) as plain:
            connection = _stranger().wrap_socket(plain) if tls else plain
            connection.sendall(words)
            while len(found) < ENOUGH_BYTES and (more := connection.recv(4096)):
                found += more
                if words is PREFACE and len(found) >= FRAME_BYTES:  # who speaks gRPC does not hang up
                    break
    except OSError:  # an SSLError is one
        pass
    return found


def _stranger() -> ssl.SSLContext:
    """Return the TLS of somebody who has no certificate, and asks for none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context
