"""The state of a source, cheaply: enough to tell that something changed, never the identity of what is in it."""

from __future__ import annotations

from pathlib import Path

from tasks.blobs import S3Blobs
from tasks.contracts.base import canonical_json, digest


def fingerprint(source: str) -> str:
    """Return a digest of the names, sizes and times (S3: sizes and ETags) of a source's files.

    Args:
        source: `digits`, a file or folder of this machine, or `s3://bucket/prefix`. One that is absent gives "absent":
            the step itself says what is wrong with it.
    """
    if source == "digits":
        return "bundled"
    if source.startswith("s3://"):
        return digest(canonical_json(S3Blobs(source).listing()))
    path = Path(source)
    if not path.exists():
        return "absent"
    files = [path] if path.is_file() else sorted(item for item in path.rglob("*") if item.is_file())
    return digest(canonical_json([[str(item.relative_to(path)), *_state(item)] for item in files]))


def _state(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns
