"""Storages of a search on a server that may be away: each question is asked again while it is (`store.patience`).

redis://…           a journal, line by line
postgresql://…      every operation of Optuna's storage; one that failed was rolled back
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Generator
from typing import Any, TypeVar
from urllib.parse import urlsplit

from optuna.storages import BaseStorage, RDBStorage
from optuna.storages.journal import JournalRedisBackend

from featherline.tasks.store.disk import causes
from featherline.tasks.store.patience import waiting
from featherline.tasks.store.reach import unknown_host

T = TypeVar("T")

PASSING = {"ConnectionError", "TimeoutError", "BusyLoadingError", "OperationalError", "InterfaceError"}
"""Of redis, SQLAlchemy and the drivers below it, by name: which of them are installed is the deployment's."""
CACHED = ("_get_trials", "_create_new_trial", "_set_trial_param", "_get_best_trial_id", "_get_stale_trial_ids")
"""What Optuna's own cache asks of a database beside its public operations."""
SHUT_OUT = {"AuthenticationError", "AuthorizationError", "AuthenticationWrongNumberOfArgsError", "NoPermissionError"}
NEVER = re.compile(
    r"authentication|does not exist|permission denied|pg_hba|no such table|unable to open|WRONGPASS|NOAUTH|malformed",
    re.IGNORECASE,
)


class PatientRedis(JournalRedisBackend):
    """A journal in Redis."""

    def __init__(self, url: str) -> None:
        """Use the server at this address; nothing is asked of it yet."""
        super().__init__(url)
        self.address = url

    def read_logs(self, log_number_from: int) -> Generator[dict[str, Any], None, None]:
        """Yield the lines from a number on."""
        read = super().read_logs
        yield from _patient(self.address, lambda: list(read(log_number_from)))

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append lines."""
        append = super().append_logs
        for log in logs:
            _patient(self.address, lambda log=log: append([log]))  # type: ignore[misc]

    def save_snapshot(self, snapshot: bytes) -> None:
        """Keep the state after the lines so far."""
        save = super().save_snapshot
        _patient(self.address, lambda: save(snapshot))

    def load_snapshot(self) -> bytes | None:
        """Return what was kept last."""
        load: Callable[[], bytes | None] = super().load_snapshot
        return _patient(self.address, load)


def patient_database(url: str) -> RDBStorage:
    """Open a database, each operation of which is tried again while the server is away."""
    storage: RDBStorage = _patient(url, lambda: RDBStorage(url, engine_kwargs={"pool_pre_ping": True}))
    for name in (*sorted(BaseStorage.__abstractmethods__), *CACHED):
        setattr(storage, name, _wrapped(url, getattr(storage, name)))
    return storage


def _wrapped(address: str, operation: Callable[..., T]) -> Callable[..., T]:
    @functools.wraps(operation)
    def ask(*arguments: Any, **named: Any) -> T:  # noqa: ANN401 - as the operation takes them
        return _patient(address, lambda: operation(*arguments, **named))

    return ask


def _patient(address: str, attempt: Callable[[], T]) -> T:
    shown = f"{urlsplit(address).scheme}://{urlsplit(address).netloc.rpartition('@')[2]}"
    return waiting(
        f"the storage of searches {shown}",
        attempt,
        functools.partial(_passing, address),
        expected=f"a server that answers at {shown}",
        fix="start the server, or correct FEATHERLINE_STUDIES or the connection featherline_studies",
    )


def _passing(address: str, error: Exception) -> str | None:
    """Return in words what a wait can mend; None where it cannot."""
    behind = list(causes(error))
    names = {kind.__name__ for cause in behind for kind in type(cause).__mro__}
    if not names & PASSING or names & SHUT_OUT or unknown_host(error, address):
        return None
    said = " ".join(str(behind[-1]).split())[:200]
    return None if any(NEVER.search(str(cause)) for cause in behind) else f"{type(behind[-1]).__name__}: {said}"
