"""The files that go into a container before it starts, and the one that comes out of it when it has ended.

    recipes, keys, a long request ──► /featherline/exchange ──► [step] ──► /featherline/exchange/result.json

The folder is a volume without a name, removed with its container: it works where the engine is another machine's, it
is the only place beside /tmp that the container can write to, and a worker's files need not be readable for its user.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

EXCHANGE = "/featherline/exchange"
RESULT = f"{EXCHANGE}/result.json"
USER = 1000
"""Of the images, and owner of what goes in."""
HEADERS_BYTES = 16 * 1024
"""Of an archive, around the one file in it."""


def archive(files: Mapping[str, bytes]) -> bytes:
    """Return an archive of files that their owner alone can read, by their paths inside the exchange folder."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for folder in sorted({str(parent) for name in files for parent in PurePosixPath(name).parents} - {"."}):
            tar.addfile(_member(folder, tarfile.DIRTYPE, 0o700))
        for name, data in files.items():
            member = _member(name, tarfile.REGTYPE, 0o400)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def only_file(chunks: Iterable[bytes], most_bytes: int) -> bytes | None:
    """Return the file in an archive that a container gave, cut just beyond `most_bytes`; None where it is no file.

    The container decides what is in the archive, so it is never unpacked, and no more of it is read than is wanted.
    """
    data = bytearray()
    for chunk in chunks:
        data += chunk
        if len(data) > most_bytes + HEADERS_BYTES:
            break
    with tarfile.open(fileobj=io.BytesIO(bytes(data)), mode="r|") as tar:
        member = tar.next()
        if member is None or not member.isreg():
            return None
        file = tar.extractfile(member)
        return file.read(most_bytes + 1) if file else None


def folder_files(folder: Path, under: str) -> dict[str, bytes]:
    """Return the YAML files of a folder and its subfolders, by their paths under `under`."""
    return {
        f"{under}/{path.relative_to(folder).as_posix()}": path.read_bytes()
        for path in sorted(folder.rglob("*.yaml"))
        if path.is_file()
    }


def _member(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.mode, member.uid, member.gid = kind, mode, USER, USER
    return member
