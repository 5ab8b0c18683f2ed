"""Whether a server can be reached at all, behind whatever exception a library made of it."""

from __future__ import annotations

import re
import socket
import ssl
from urllib.parse import urlsplit

from featherline.tasks.store.disk import causes

UNVERIFIED = re.compile(r"CERTIFICATE_VERIFY_FAILED|WRONG_VERSION_NUMBER|certificate|HTTP_REQUEST|UNKNOWN_PROTOCOL")
UNKNOWN = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}


def unknown_host(error: BaseException, address: str, *, answered: bool = False) -> str:
    """Return the host of an address that no DNS knows, and never will; empty where a wait may help.

    A name that answered before may come back. So may one without a dot: those are of container networks, which forget
    a container while it is down.
    """
    try:
        host = urlsplit(address).hostname or ""
    except ValueError:
        return ""
    unknown = any(isinstance(cause, socket.gaierror) and cause.errno in UNKNOWN for cause in behind(error))
    return host if unknown and "." in host and not answered else ""


def unverified(error: BaseException) -> str:
    """Return what is wrong with TLS where no wait mends it; empty where it is something else."""
    tls = any(isinstance(cause, ssl.SSLError) or type(cause).__name__ == "SSLError" for cause in behind(error))
    said = str(error)
    return said[:300] if tls and UNVERIFIED.search(said) else ""


def behind(error: BaseException) -> list[BaseException]:
    """Return an exception and what lies behind it, also what libraries keep in attributes of their own."""
    chain = list(causes(error))
    for cause in list(chain):
        kept = getattr(cause, "kwargs", None)  # botocore
        inners = [kept.get("error")] if isinstance(kept, dict) else []
        inners += [getattr(cause, "reason", None), getattr(cause, "last_exception", None)]  # urllib3, boto3
        for inner in inners:
            if isinstance(inner, BaseException) and inner not in chain:
                chain += causes(inner)
    return chain
