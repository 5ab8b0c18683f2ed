"""What an S3 server's failures mean: what passes, what a person must mend, what is absent.

ClientError, a broken connection, a clock that is off ──► Absent | a refusal | words for what a wait can mend
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import boto3.exceptions
import botocore.exceptions as failures
import urllib3.exceptions
from pydantic import BaseModel

from featherline.tasks.contracts.refusal import OutOfReach, Problem
from featherline.tasks.store.disk import WORDS, causes
from featherline.tasks.store.reach import unknown_host, unverified

ABSENT = {"404", "NoSuchKey", "NotFound"}
TAKEN = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}
"""What servers answer when the key of a conditional write exists already."""
BUSY = re.compile(
    r"SlowDown|Throttl|TooManyRequests|RequestTimeout$|RequestTimeoutException|IncompleteBody|^429$|^5\d\d$"
)
FULL = re.compile(r"InsufficientStorage|StorageFull|QuotaExceeded|^507$")
SHUT_OUT = {"401", "403", "AccessDenied", "SignatureDoesNotMatch", "InvalidAccessKeyId", "Forbidden", "Unauthorized"}
SHUT_OUT |= {"InvalidToken", "ExpiredToken", "TokenRefreshRequired", "RequestExpired"}
SKEWED = "RequestTimeTooSkewed"
ELSEWHERE = {"301", "307", "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
MOST_SKEW_S = 300.0
"""Keys that are refused while the clocks differ by more are not to blame. S3 itself takes 900 s."""
SERVER_ERRORS = range(500, 600)
NO_SPACE = 507
CONNECTION = (
    failures.ConnectionError,
    failures.HTTPClientError,
    failures.IncompleteReadError,
    boto3.exceptions.RetriesExceededError,
    urllib3.exceptions.HTTPError,
    ConnectionError,
    TimeoutError,
)


class AbsentError(Exception):
    """Nothing lies under the key."""


class Asked(BaseModel):
    """What is asked of which server, for the messages."""

    uri: str
    bucket: str
    address: str
    needed: int | None = None
    """The bytes that are to be written."""
    answered: bool = False
    """Whether the server answered this process before."""


def passing(error: Exception, asked: Asked) -> str | None:
    """Return in words what a wait can mend; None where it cannot."""
    if isinstance(error, failures.ClientError):
        code, status = _code(error), _status(error)
        busy = status in SERVER_ERRORS or status == 429 or BUSY.search(code)  # noqa: PLR2004 - too many requests
        if not busy or _is_full(error):
            return None
        said = str(error.response["Error"].get("Message", ""))
        return " ".join(f"HTTP {status} {code}: {said}".split())[:200].rstrip(": ")
    if isinstance(error, failures.NoCredentialsError | failures.PartialCredentialsError):
        return None
    if (
        not isinstance(error, CONNECTION)
        or _circles(error)
        or unknown_host(error, asked.address, answered=asked.answered)
        or unverified(error)
    ):
        return None
    innermost = list(causes(error))[-1]
    return f"{type(error).__name__}: {getattr(innermost, 'strerror', None) or innermost}"[:200]


def explained(error: Exception, asked: Asked) -> Exception | None:
    """Return what to raise for what no wait can mend; None where that is the error itself."""
    if isinstance(error, failures.ClientError):
        if _code(error) in ABSENT:
            return AbsentError()
        return _answered(error, asked)
    if isinstance(error, failures.NoCredentialsError | failures.PartialCredentialsError | failures.NoRegionError):
        return _refusal(
            f"the store {asked.uri} cannot be opened",
            expected="an access key, a secret key and a region",
            got=str(error),
            fix="set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_DEFAULT_REGION, or the S3 connection of Airflow",
        )
    if isinstance(error, CONNECTION) and not _circles(error):
        host = unknown_host(error, asked.address, answered=asked.answered)
        return _refusal(
            f"the store {asked.uri} is out of reach",
            expected=f"an S3 server that answers at {asked.address}",
            got=f"no host of the name {host}" if host else unverified(error) or str(error),
            fix="correct the endpoint of the S3 connection, and its certificate where it begins with https",
        )
    if isinstance(error, failures.BotoCoreError | ValueError | RecursionError):
        return _refusal(
            f"the store {asked.uri} cannot be asked",
            expected="s3://bucket/prefix, and an endpoint such as http://127.0.0.1:8333 or https://host",
            got=" ".join(str(error).split())[:300],
            fix="correct FEATHERLINE_STORE, or the endpoint and the region of the S3 connection",
        )
    return None


def _circles(error: BaseException) -> bool:
    """Return whether a server sends its asker round and round: boto3 follows until Python stops it, anywhere."""
    return any(isinstance(cause, RecursionError) for cause in causes(error))


def _answered(error: failures.ClientError, asked: Asked) -> OutOfReach:
    code, status, skew = _code(error), _status(error), _skew_s(error)
    if _is_full(error):
        wanted = f"{asked.needed} bytes free for it" if asked.needed is not None else "room for what is written"
        return _refusal(
            f"the store {asked.uri} cannot be written: it is full",
            expected=f"{wanted} at {asked.address}",
            got=f"{code}: {error.response['Error'].get('Message', 'no more words')}",
            fix="free space on the server's disk, or raise the quota; what is finished is not done again",
        )
    shut_out = code in SHUT_OUT or status in {401, 403}
    if code == SKEWED or (shut_out and skew is not None and abs(skew) > MOST_SKEW_S):
        return _refusal(
            f"the store {asked.uri} does not take the time of this machine",
            expected="a clock that differs from the server's by less than 15 minutes",
            got=f"{code}: {_words(skew)}",
            fix=f"correct the clock: {_words(skew)}",
        )
    if shut_out:
        return _refusal(
            f"the store {asked.uri} does not let us in",
            expected="keys that may read and write the bucket",
            got=code,
            fix="correct the access key and the secret of the S3 connection, or the bucket's policy",
        )
    if code == "NoSuchBucket":
        return _refusal(
            f"the store {asked.uri} has no bucket",
            expected=f"the bucket {asked.bucket} at {asked.address}",
            got=code,
            fix="create the bucket, or correct its name in FEATHERLINE_STORE",
        )
    fix = "correct the region of the S3 connection" if code in ELSEWHERE else "see the server's log"
    return _refusal(
        f"the store {asked.uri} refuses {error.operation_name}",
        expected=f"an S3 server at {asked.address} that takes it",
        got=f"HTTP {status} {code}: {error.response['Error'].get('Message', '')}"[:300].rstrip(": "),
        fix=f"{fix}, or name another endpoint",
    )


def _code(error: failures.ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _status(error: failures.ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) or 0)


def _is_full(error: failures.ClientError) -> bool:
    said = str(error.response.get("Error", {}).get("Message", ""))
    return bool(FULL.search(_code(error)) or _status(error) == NO_SPACE or WORDS.search(said))


def _skew_s(error: failures.ClientError) -> float | None:
    """Return by how many seconds this machine's clock is ahead of the server's, as its answer dates itself."""
    headers: dict[str, Any] = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    try:
        theirs = parsedate_to_datetime(str(headers.get("date", "")))
    except ValueError:
        return None
    if theirs.tzinfo is None:
        theirs = theirs.replace(tzinfo=UTC)
    return (_now() - theirs).total_seconds()


def _now() -> datetime:
    """Return the time that requests are signed with."""
    import botocore.auth  # noqa: PLC0415 - in parts of a second when something went wrong

    now: datetime = botocore.auth.get_current_datetime()
    return now if now.tzinfo else now.replace(tzinfo=UTC)


def _words(skew: float | None) -> str:
    if skew is None:
        return "it differs from the store's by more than the store takes"
    minutes = round(abs(skew) / 60)
    return f"{minutes} minutes {'ahead of' if skew > 0 else 'behind'} the store"


def _refusal(what: str, *, expected: str, got: str, fix: str) -> OutOfReach:
    return OutOfReach(Problem(what, expected, got, fix))
