"""Where bytes lie: a folder or S3, behind five operations that every S3-compatible server has.

Keys are relative, with slashes. A write is whole or absent. `create` is the only write that may lose a race.

    artifacts/<sha256>          immutable, named by what it holds
    results/<step>/<key>.json   written last, so that what exists is complete
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from tasks.contracts.refusal import OutOfReach, Problem

LARGE = 8 * 2**20
"""Bytes from which an upload goes in parts."""

TAKEN = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}
"""What servers answer when the key of a conditional write exists already."""

ABSENT = {"404", "NoSuchKey", "NotFound"}


class _AbsentError(Exception):
    """Nothing lies under the key."""


class Blobs(Protocol):
    """Bytes under keys."""

    uri: str

    def read(self, key: str) -> bytes | None:
        """Return what lies under `key`, or None."""

    def create(self, key: str, data: bytes) -> bool:
        """Write `data` unless `key` exists. Returns whether it was written."""

    def replace(self, key: str, data: bytes) -> None:
        """Write `data`, whatever was there."""

    def upload(self, key: str, path: Path) -> None:
        """Write a file, whatever was there; its size does not matter for memory."""

    def download(self, key: str, path: Path) -> bool:
        """Write what lies under `key` to `path`. Returns False where there is nothing."""

    def size(self, key: str) -> int | None:
        """Return the bytes under `key`, or None."""

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that start with `prefix`, sorted."""

    def delete(self, key: str) -> None:
        """Remove `key`, if it is there."""

    def move(self, key: str, to: str) -> bool:
        """Put what lies under `key` under `to`. Returns False where there is nothing."""


class FolderBlobs:
    """Bytes in a folder of this machine."""

    def __init__(self, folder: Path) -> None:
        """Use `folder`, made at the first write."""
        self.folder = folder.resolve()
        self.uri = str(self.folder)

    def read(self, key: str) -> bytes | None:
        """Return what lies under `key`, or None."""
        try:
            return self._path(key).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def create(self, key: str, data: bytes) -> bool:
        """Write `data` unless `key` exists: a hard link to a finished file is atomic, also against other processes."""
        path = self._path(key)
        temporary = self._write(path, data)
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
        finally:
            temporary.unlink()
        return True

    def replace(self, key: str, data: bytes) -> None:
        """Write `data`, whatever was there."""
        path = self._path(key)
        self._write(path, data).replace(path)

    def upload(self, key: str, path: Path) -> None:
        """Copy the file at `path`."""
        target = self._path(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        with (
            path.open("rb") as source,
            tempfile.NamedTemporaryFile(dir=target.parent, prefix=".part-", delete=False) as out,
        ):
            while chunk := source.read(2**20):
                out.write(chunk)
        Path(out.name).replace(target)

    def download(self, key: str, path: Path) -> bool:
        """Copy what lies under `key` to `path`."""
        try:
            with self._path(key).open("rb") as source, path.open("wb") as out:
                while chunk := source.read(2**20):
                    out.write(chunk)
        except FileNotFoundError:
            return False
        return True

    def size(self, key: str) -> int | None:
        """Return the bytes under `key`, or None."""
        path = self._path(key)
        return path.stat().st_size if path.is_file() else None

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that start with `prefix`, sorted; unfinished files are no keys."""
        start = self._path(prefix.rpartition("/")[0]) if "/" in prefix else self.folder
        found = (path for path in start.rglob("*") if path.is_file() and not path.name.startswith(".part-"))
        names = (path.relative_to(self.folder).as_posix() for path in found)
        yield from sorted(name for name in names if name.startswith(prefix))

    def delete(self, key: str) -> None:
        """Remove `key`, if it is there."""
        self._path(key).unlink(missing_ok=True)

    def move(self, key: str, to: str) -> bool:
        """Put what lies under `key` under `to`. Returns False where there is nothing."""
        target = self._path(to)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._path(key).replace(target)
        except FileNotFoundError:
            return False
        return True

    def _path(self, key: str) -> Path:
        return self.folder / _inside(key)

    def _write(self, path: Path, data: bytes) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".part-", delete=False) as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        return Path(out.name)


class S3Blobs:
    """Bytes under a prefix of a bucket, on any S3-compatible server; boto3 reads AWS_* from the environment."""

    def __init__(self, uri: str) -> None:
        """Use `s3://bucket/prefix`."""
        import boto3  # noqa: PLC0415 - 0.3 s that a folder does not cost
        from botocore.config import Config  # noqa: PLC0415

        self.uri = uri.rstrip("/")
        self.bucket, _, prefix = self.uri.removeprefix("s3://").partition("/")
        self.prefix = f"{prefix}/" if prefix else ""
        config = Config(
            s3={"addressing_style": "path"},
            retries={"mode": "standard", "total_max_attempts": 4},
            connect_timeout=5,
            read_timeout=60,
            request_checksum_calculation=os.environ.get("AWS_REQUEST_CHECKSUM_CALCULATION", "when_supported"),
        )
        with self._explained():
            self.client = boto3.session.Session().client("s3", config=config)  # the default session keeps old keys

    def read(self, key: str) -> bytes | None:
        """Return what lies under `key`, or None."""
        try:
            with self._explained():
                data: bytes = self.client.get_object(Bucket=self.bucket, Key=self.prefix + _inside(key))["Body"].read()
        except _AbsentError:
            return None
        return data

    def create(self, key: str, data: bytes) -> bool:
        """Write `data` unless `key` exists (`If-None-Match: *`)."""
        from botocore.exceptions import ClientError  # noqa: PLC0415

        with self._explained():
            try:
                self.client.put_object(Bucket=self.bucket, Key=self.prefix + _inside(key), Body=data, IfNoneMatch="*")
            except ClientError as error:
                if error.response["Error"]["Code"] in TAKEN:
                    return False
                raise
        return True

    def replace(self, key: str, data: bytes) -> None:
        """Write `data`, whatever was there."""
        with self._explained():
            self.client.put_object(Bucket=self.bucket, Key=self.prefix + _inside(key), Body=data)

    def upload(self, key: str, path: Path) -> None:
        """Upload the file at `path`, in parts where it is large."""
        from boto3.s3.transfer import TransferConfig  # noqa: PLC0415

        with self._explained():
            config = TransferConfig(multipart_threshold=LARGE, multipart_chunksize=LARGE, max_concurrency=4)
            self.client.upload_file(str(path), self.bucket, self.prefix + _inside(key), Config=config)

    def download(self, key: str, path: Path) -> bool:
        """Download what lies under `key` to `path`."""
        try:
            with self._explained():
                self.client.download_file(self.bucket, self.prefix + _inside(key), str(path))
        except _AbsentError:
            return False
        return True

    def size(self, key: str) -> int | None:
        """Return the bytes under `key`, or None."""
        try:
            with self._explained():
                found = self.client.head_object(Bucket=self.bucket, Key=self.prefix + _inside(key))
        except _AbsentError:
            return None
        length: int = found["ContentLength"]
        return length

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that start with `prefix`, sorted, page by page."""
        with self._explained():
            pages = self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=self.prefix + _inside(prefix)
            )
            for page in pages:
                for item in page.get("Contents", []):
                    yield item["Key"].removeprefix(self.prefix)

    def delete(self, key: str) -> None:
        """Remove `key`, if it is there."""
        with self._explained():
            self.client.delete_object(Bucket=self.bucket, Key=self.prefix + _inside(key))

    def move(self, key: str, to: str) -> bool:
        """Put what lies under `key` under `to`: a copy made by the server. Returns False where there is nothing."""
        source = {"Bucket": self.bucket, "Key": self.prefix + _inside(key)}
        try:
            with self._explained():
                self.client.copy(source, self.bucket, self.prefix + _inside(to))
        except _AbsentError:
            return False
        self.delete(key)
        return True

    def listing(self) -> list[list[str | int]]:
        """Return key, bytes and ETag of everything under the prefix, to see that something changed."""
        with self._explained():
            pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix)
            return [[item["Key"], item["Size"], item["ETag"]] for page in pages for item in page.get("Contents", [])]

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what a person must mend (keys, bucket, address) into a refusal; leave the passing faults to retries."""
        import botocore.exceptions as failures  # noqa: PLC0415

        try:
            yield
        except failures.ClientError as error:
            code = error.response["Error"]["Code"]
            if code in ABSENT:
                raise _AbsentError from error
            raise self._refusal(code) or error from error
        except (
            failures.EndpointConnectionError,
            failures.ConnectTimeoutError,
            failures.ConnectionClosedError,
        ) as error:
            raise _out_of_reach(
                f"the store {self.uri} is out of reach",
                expected=f"an S3 server that answers at {self._address()}",
                got=type(error).__name__,
                fix="start the server, or correct the endpoint of the S3 connection",
            ) from error
        except (failures.NoCredentialsError, failures.PartialCredentialsError, failures.NoRegionError) as error:
            raise _out_of_reach(
                f"the store {self.uri} cannot be opened",
                expected="an access key, a secret key and a region",
                got=str(error),
                fix="set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_DEFAULT_REGION, or the S3 connection of Airflow",
            ) from error

    def _refusal(self, code: str) -> OutOfReach | None:
        keys = {"403", "AccessDenied", "SignatureDoesNotMatch", "InvalidAccessKeyId", "Forbidden"}
        if code in keys:
            return _out_of_reach(
                f"the store {self.uri} does not let us in",
                expected="keys that may read and write the bucket",
                got=code,
                fix="correct the access key and the secret of the S3 connection, or the bucket's policy",
            )
        if code == "NoSuchBucket":
            return _out_of_reach(
                f"the store {self.uri} has no bucket",
                expected=f"the bucket {self.bucket} at {self._address()}",
                got=code,
                fix="create the bucket, or correct its name in FEATHERLINE_STORE",
            )
        return None

    def _address(self) -> str:
        client: Any = getattr(self, "client", None)
        return str(client.meta.endpoint_url) if client else os.environ.get("AWS_ENDPOINT_URL_S3", "the AWS endpoint")


def _out_of_reach(what: str, *, expected: str, got: str, fix: str) -> OutOfReach:
    return OutOfReach(Problem(what, expected, got, fix))


def _inside(key: str) -> str:
    """Return a key that stays in its store: servers that keep objects in folders follow `..` as a file system does."""
    path = PurePosixPath(key)
    if path.is_absolute() or ".." in path.parts or "\0" in key:
        raise ValueError(f"a key stays inside the store, got {key!r}")
    return key


def open_blobs(uri: str) -> Blobs:
    """Open a folder path or `s3://bucket/prefix`."""
    return S3Blobs(uri) if uri.startswith("s3://") else FolderBlobs(Path(uri))
