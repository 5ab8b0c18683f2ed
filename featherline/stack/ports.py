"""Free ports on loopback."""

from __future__ import annotations

import random
import socket
from collections.abc import Sequence

HOST = "127.0.0.1"
RANGE = range(22000, 32000)
"""Below the range from which the system itself gives ports (32768), above the rows of the S3 server."""


def choose(wanted: Sequence[int | None]) -> list[int]:
    """Return a free port for each one that is wanted: that very one where it is free, so that addresses last.

    Two that choose at the same moment draw at random, and so hardly meet.

    Raises:
        RuntimeError: The range has no free port left.
    """
    chosen: list[int] = []
    for port in wanted:
        if port is not None and port not in chosen and is_free(port):
            chosen.append(port)
            continue
        candidates = random.sample(RANGE, len(RANGE))
        found = next((one for one in candidates if one not in chosen and is_free(one)), None)
        if found is None:
            raise RuntimeError(f"there is no free port from {RANGE.start} to {RANGE.stop}")
        chosen.append(found)
    return chosen


def row(first: int, count: int) -> list[int]:
    """Return the ports of a row, with the twins that each has for gRPC."""
    return [port + twin for port in range(first, first + count) for twin in (0, 10000)]


def is_free(port: int) -> bool:
    """Return whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
