"""Another user of this machine, nobody: what such a one can try at the ports and files of a stack."""

from __future__ import annotations

import encodings.idna  # noqa: F401 - of addresses, and nobody could not import it any more
import http.client
import os
import pickle
import signal
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

NOBODY = 65534
HOST = "127.0.0.1"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def as_nobody(function: Callable[[], Any]) -> Any:
    """Return what a function returns to nobody, who can import nothing more, or raise what it raises there."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            _become_nobody()
            answer = function()
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is the answer
            answer = RuntimeError(repr(error))
        with os.fdopen(writing, "wb") as file:
            pickle.dump(answer, file)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        data = file.read()
    os.waitpid(child, 0)
    answer = pickle.loads(data)  # noqa: S301 - of our own child
    if isinstance(answer, RuntimeError):
        raise answer
    return answer


def run_as_nobody(commands: Sequence[Sequence[str]], folder: Path, seconds: float, words: str = "") -> list[str]:
    """Run programs side by side as nobody, kill what is left after a while, and return what each printed.

    Args:
        commands: The first word of each is a program, which nobody needs no way to.
        folder: Nobody's own, for output and as the home.
        seconds: How long they have.
        words: Given to each on its standard input.
    """
    os.chown(folder, NOBODY, NOBODY)
    children = []
    for number, (program, *arguments) in enumerate(commands):
        binary = os.open(program, os.O_RDONLY)
        child = os.fork()
        if child == 0:
            os.setsid()
            os.chdir(folder)
            reading, writing = os.pipe()
            os.write(writing, words.encode())
            os.close(writing)
            output = os.open(folder / f"{number}.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
            for target, source in ((0, reading), (1, output), (2, output)):
                os.dup2(source, target)
            _become_nobody()
            os.execve(  # noqa: S606 - a file that nobody has no way to
                binary, [program, *arguments], {"HOME": str(folder), "PATH": os.defpath, "TMPDIR": str(folder)}
            )
        os.close(binary)
        children.append(child)
    deadline = time.monotonic() + seconds
    left = set(children)
    while left and time.monotonic() < deadline:
        left -= {child for child in left if os.waitpid(child, os.WNOHANG)[0]}
        time.sleep(0.05)
    for child in left:
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return [(folder / f"{number}.txt").read_text(errors="replace") for number in range(len(commands))]


def stranger_tls(certificate: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    """Return the TLS of one who trusts everybody and has no certificate, or a foreign one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    return context


def call(port: int, method: str, tls: ssl.SSLContext | None = None) -> bytes:
    """Return the bytes that a gRPC server answers to an empty message: none where it does not speak with us."""
    headers = {":method": "POST", ":scheme": "http", ":path": method, ":authority": "x", "te": "trailers"}
    headers["content-type"] = "application/grpc"
    block = b"".join(
        b"\x00" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()
        for name, value in headers.items()
    )
    frames = _frame(4, 0, 0, b"") + _frame(1, 4, 1, block) + _frame(0, 1, 1, b"\0\0\0\0\0")
    found = b""
    try:
        with socket.create_connection((HOST, port), timeout=2) as plain:
            connection = tls.wrap_socket(plain) if tls else plain
            connection.settimeout(0.5)
            connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frames)
            while more := connection.recv(65536):
                found += more
    except OSError:
        pass
    return found if len(found) >= 9 and found[3] == 4 else b""


def ask(
    port: int, verb: str, path: str, headers: Mapping[str, str] | None = None, tls: ssl.SSLContext | None = None
) -> tuple[int, bytes]:
    """Return the status and the body of an HTTP answer: 0 and nothing where there is none."""
    connection: http.client.HTTPConnection
    if tls is None:
        connection = http.client.HTTPConnection(HOST, port, timeout=2)
    else:
        connection = http.client.HTTPSConnection(HOST, port, timeout=2, context=tls)
    try:
        connection.request(verb, path, body=b"x" if verb in {"POST", "PUT"} else None, headers=dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, answer.read(65536)
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def readable(paths: Iterable[Path]) -> list[str]:
    """Return which of these folders, files and sockets this user can list, open or connect to."""
    found = []
    for path in paths:
        try:
            if path.is_socket():
                with socket.socket(socket.AF_UNIX) as connection:
                    connection.connect(str(path))
            elif path.is_dir():
                next(path.iterdir(), None)
            else:
                path.open("rb").close()
        except OSError:
            continue
        found.append(str(path))
    return found


def open_to_others(folder: Path) -> list[str]:
    """Return what of a folder and all in it has a right for group or others, with its mode."""
    modes = {path: path.lstat().st_mode for path in [folder, *folder.rglob("*")] if not path.is_symlink()}
    return [f"{oct(mode)} {path}" for path, mode in modes.items() if mode & 0o077]


def _become_nobody() -> None:
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload
