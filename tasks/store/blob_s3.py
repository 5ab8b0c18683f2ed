"""Bytes under a prefix of a bucket, on any S3-compatible server; boto3 reads AWS_* from the environment.

an operation ──► fails, and may pass ──► waits and asks again (tasks/store/patience.py)
                 └► keys, bucket, address, clock, full disk ──► a refusal at once (tasks/store/s3_failures.py)
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from featherline.tasks.contracts.refusal import OutOfReach
from featherline.tasks.store.blob_keys import LARGE, inside
from featherline.tasks.store.disk import writing
from featherline.tasks.store.patience import waiting

if TYPE_CHECKING:
    from featherline.tasks.store.s3_failures import Asked

T = TypeVar("T")

CONNECT_S, READ_S = 5, 30
CHUNK_BYTES = 2**20
ABANDONED_S = 24 * 3600
"""Of an upload in parts that nobody finished."""


class S3Blobs:
    """Bytes under a prefix of a bucket."""

    def __init__(self, uri: str) -> None:
        """Use `s3://bucket/prefix`."""
        import boto3  # noqa: PLC0415 - 0.3 s that a folder does not cost
        from botocore.config import Config  # noqa: PLC0415

        self.uri = uri.rstrip("/")
        self.bucket, _, prefix = self.uri.removeprefix("s3://").partition("/")
        self.prefix = f"{prefix}/" if prefix else ""
        self._answered_before = False
        config = Config(
            s3={"addressing_style": "path"},
            retries={"mode": "standard", "total_max_attempts": 1},  # `waiting` asks again, and says so
            connect_timeout=CONNECT_S,
            read_timeout=READ_S,
            request_checksum_calculation=os.environ.get("AWS_REQUEST_CHECKSUM_CALCULATION", "when_supported"),
        )
        session = boto3.session.Session()  # the default session keeps old keys
        self.client: Any = self._asked(lambda: session.client("s3", config=config), answers=False)

    def read(self, key: str) -> bytes | None:
        """Return what lies under `key`, or None."""
        where = self._at(key)
        return self._or_none(lambda: bytes(self.client.get_object(**where)["Body"].read()))

    def create(self, key: str, data: bytes) -> bool:
        """Write `data` unless `key` exists (`If-None-Match: *`).

        Where an answer was lost the write is found done by the next try, and is ours if these very bytes are there.
        """
        from botocore.exceptions import ClientError  # noqa: PLC0415

        from featherline.tasks.store.s3_failures import TAKEN  # noqa: PLC0415

        where, tries = self._at(key), 0

        def attempt() -> bool:
            nonlocal tries
            tries += 1
            try:
                self.client.put_object(**where, Body=data, IfNoneMatch="*")
            except ClientError as error:
                if error.response["Error"]["Code"] in TAKEN:
                    return False
                raise
            return True

        return self._asked(attempt, needed=len(data)) or (tries > 1 and self.read(key) == data)

    def replace(self, key: str, data: bytes) -> None:
        """Write `data`, whatever was there."""
        where = self._at(key)
        self._asked(lambda: self.client.put_object(**where, Body=data), needed=len(data))

    def upload(self, key: str, path: Path) -> None:
        """Upload the file at `path`, in parts where it is large."""
        from boto3.s3.transfer import TransferConfig  # noqa: PLC0415

        where = self._at(key)
        config = TransferConfig(multipart_threshold=LARGE, multipart_chunksize=LARGE, max_concurrency=4)

        def attempt() -> None:
            with path.open("rb") as file:
                self.client.upload_fileobj(file, where["Bucket"], where["Key"], Config=config)

        self._asked(attempt, needed=path.stat().st_size)

    def download(self, key: str, path: Path) -> bool:
        """Download what lies under `key` to `path`."""
        where = self._at(key)

        def attempt() -> bool:
            try:
                self.client.download_file(where["Bucket"], where["Key"], str(path))
            except OSError as error:
                from featherline.tasks.store.disk import FORBIDDEN, FULL  # noqa: PLC0415

                if error.errno in FULL | FORBIDDEN:
                    with writing(path, self.size(key)):
                        raise
                raise
            return True

        return bool(self._or_none(attempt))

    def open(self, key: str) -> FileIO | None:
        """Download what lies under `key` and open it, or give None. Its room is free again when it is closed."""
        with tempfile.TemporaryDirectory(prefix="featherline-") as folder:
            path = Path(folder, "artifact")
            return FileIO(path) if S3Blobs.download(self, key, path) else None

    def sha256(self, key: str) -> str | None:
        """Return the digest of what lies under `key` in the store itself, or None."""
        where = self._at(key)

        def attempt() -> str:
            hasher = hashlib.sha256()
            for chunk in self.client.get_object(**where)["Body"].iter_chunks(CHUNK_BYTES):
                hasher.update(chunk)
            return hasher.hexdigest()

        return self._or_none(attempt)

    def size(self, key: str) -> int | None:
        """Return the bytes under `key`, or None."""
        where = self._at(key)
        return self._or_none(lambda: int(self.client.head_object(**where)["ContentLength"]))

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that start with `prefix`, sorted, page by page."""
        for item in self._items(self.prefix + inside(prefix)):
            yield item["Key"].removeprefix(self.prefix)

    def delete(self, key: str) -> None:
        """Remove `key`, if it is there."""
        where = self._at(key)
        self._asked(lambda: self.client.delete_object(**where))

    def move(self, key: str, to: str) -> bool:
        """Put what lies under `key` under `to`: a copy made by the server. Returns False where there is nothing."""
        where, target = self._at(key), self._at(to)
        copied = self._or_none(lambda: self.client.copy(where, target["Bucket"], target["Key"]) or True)
        if copied:
            self.delete(key)
        return bool(copied)

    def sweep(self) -> None:
        """Abort the uploads in parts that nobody finished for a day, by the server's own clock."""
        from email.utils import parsedate_to_datetime  # noqa: PLC0415

        with contextlib.suppress(OutOfReach):  # a server without the operation, or keys that may not
            said = self._asked(lambda: self.client.list_multipart_uploads(Bucket=self.bucket, Prefix=self.prefix))
            date = said["ResponseMetadata"]["HTTPHeaders"].get("date")
            if date is None:
                return
            now = parsedate_to_datetime(date)
            for one in said.get("Uploads", []):
                if (now - one["Initiated"]).total_seconds() > ABANDONED_S:
                    which = {"Bucket": self.bucket, "Key": one["Key"], "UploadId": one["UploadId"]}
                    self._asked(lambda which=which: self.client.abort_multipart_upload(**which))  # type: ignore[misc]

    def listing(self) -> list[list[str | int]]:
        """Return key, bytes and ETag of everything under the prefix, to see that something changed."""
        return [[item["Key"], item["Size"], item["ETag"]] for item in self._items(self.prefix)]

    def _items(self, prefix: str) -> Iterator[dict[str, Any]]:
        more: dict[str, str] = {}
        while True:
            asked = {"Bucket": self.bucket, "Prefix": prefix, **more}
            page = self._asked(lambda asked=asked: self.client.list_objects_v2(**asked))  # type: ignore[misc]
            yield from page.get("Contents", [])
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def _at(self, key: str) -> dict[str, str]:
        return {"Bucket": self.bucket, "Key": self.prefix + inside(key)}

    def _or_none(self, attempt: Callable[[], T]) -> T | None:
        from featherline.tasks.store.s3_failures import AbsentError  # noqa: PLC0415 - boto3's own exceptions come with it

        try:
            return self._asked(attempt)
        except AbsentError:
            return None

    def _asked(self, attempt: Callable[[], T], *, needed: int | None = None, answers: bool = True) -> T:
        """Ask the server, again where what went wrong may pass; the rest is a refusal or `AbsentError`."""
        from featherline.tasks.store import s3_failures  # noqa: PLC0415

        def once() -> T:
            try:
                answer = attempt()
            except Exception as error:
                about = self._about(needed)
                if s3_failures.passing(error, about) is not None:
                    raise
                said = s3_failures.explained(error, about)
                self._answered_before |= isinstance(said, s3_failures.AbsentError)
                if said is None:
                    raise
                raise said from error
            self._answered_before |= answers
            return answer

        return waiting(
            f"the store {self.uri}",
            once,
            lambda error: s3_failures.passing(error, self._about(needed)),
            expected=f"an S3 server that answers at {self._address()}",
            fix="start the server, or correct the endpoint of the S3 connection; what is finished is not done again",
        )

    def _about(self, needed: int | None) -> Asked:
        from featherline.tasks.store.s3_failures import Asked  # noqa: PLC0415

        return Asked(
            uri=self.uri,
            bucket=self.bucket,
            address=self._address(),
            needed=needed,
            answered=self._answered_before,
        )

    def _address(self) -> str:
        client: Any = getattr(self, "client", None)
        return str(client.meta.endpoint_url) if client else os.environ.get("AWS_ENDPOINT_URL_S3", "the AWS endpoint")
