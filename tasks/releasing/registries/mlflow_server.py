"""Talking to an MLflow server: its public REST API over plain HTTP.

MLflow's own client takes 1.6 s to import, and every run asks a registry three times; it is used only where a model is
uploaded (`mlflow_upload.py`). User and password come from MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or a
token from MLFLOW_TRACKING_TOKEN, as MLflow's client takes them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import requests

from featherline.tasks.contracts.refusal import Refused, refuse
from featherline.tasks.store.patience import waiting
from featherline.tasks.store.reach import unknown_host, unverified

T = TypeVar("T")

CONNECT_S, READ_S = 4.0, 20.0
TOO_MANY_REQUESTS = 429
SERVER_ERRORS = range(500, 600)
PASSING = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)

ABSENT = "RESOURCE_DOES_NOT_EXIST"


class MlflowError(Exception):
    """The server understood and said no; `code` is MLflow's word for why."""

    def __init__(self, code: str, message: str) -> None:
        """Keep both."""
        super().__init__(f"{code}: {message}")
        self.code = code


class ServerFault(Exception):  # noqa: N818 - what the server has
    """The server could not answer, which may pass."""


class MlflowServer:
    """One server. One that is away is waited for; what no wait mends is refused at once."""

    def __init__(self, address: str) -> None:
        """Describe the server; nothing is asked yet. Of user and password in the address `self.address` shows none."""
        parts = urlsplit(address)
        host = parts.netloc.rpartition("@")[2]
        self.address = urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))
        self.session = requests.Session()
        self._answered_before = False
        user, password = (
            parts.username or os.environ.get("MLFLOW_TRACKING_USERNAME"),
            parts.password or os.environ.get("MLFLOW_TRACKING_PASSWORD"),
        )
        if user and password:
            self.session.auth = (user, password)
        elif token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
            self.session.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str, **values: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """Ask for something. Raises MlflowError and Refused."""
        return self._answer("GET", path, params=values)

    def post(self, path: str, **values: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """Change something that may be changed twice. Raises MlflowError and Refused."""
        return self._answer("POST", path, json=values)

    def post_once(self, path: str, **values: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """Change something that may not be done twice: for inside of `waiting`, by what looks first."""
        return self._asked("POST", path, json=values)

    def waiting(self, attempt: Callable[[], T]) -> T:
        """Return what `attempt` gives, tried again while the server is away.

        Raises:
            Unavailable: The patience is over.
        """
        return waiting(
            f"the registry {self.address}",
            attempt,
            self._passing,
            expected=f"an MLflow server that answers within {READ_S:.0f} s",
            fix="start the server, or correct the registry connection (FEATHERLINE_REGISTRY)",
        )

    def find(self, path: str, **values: Any) -> dict[str, Any] | None:  # noqa: ANN401 - JSON
        """Ask for something that may be absent. Raises Refused, and MlflowError for any other no."""
        try:
            return self.get(path, **values)
        except MlflowError as error:
            if error.code == ABSENT:
                return None
            raise

    def _answer(self, method: str, path: str, **values: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        return self.waiting(lambda: self._asked(method, path, **values))

    def _asked(self, method: str, path: str, **values: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        url = f"{self.address}/api/2.0/mlflow/{path}"
        try:
            response = self.session.request(method, url, timeout=(CONNECT_S, READ_S), allow_redirects=False, **values)
        except PASSING as error:
            if self._passing(error) is not None:
                raise
            raise self._out_of_reach(error) from error
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema) as error:
            raise self._no_mlflow(str(error)) from error
        if response.status_code in (401, 403):
            raise self._shut_out(response.status_code)
        if response.status_code == TOO_MANY_REQUESTS or response.status_code in SERVER_ERRORS:
            raise ServerFault(f"HTTP {response.status_code}: {' '.join(response.text[:200].split())}")
        content = _json(response)
        if response.ok and content is not None:
            self._answered_before = True
            return content
        if content is not None and "error_code" in content:
            self._answered_before = True
            raise MlflowError(content["error_code"], str(content.get("message", "")))
        kind = response.headers.get("Content-Type", "no type").partition(";")[0]
        raise self._no_mlflow(f"HTTP {response.status_code}, {kind}, for {path}")

    def _passing(self, error: Exception) -> str | None:
        """Return in words what a wait can mend; None where it cannot."""
        if isinstance(error, ServerFault):
            return str(error)
        status = getattr(error, "get_http_status_code", lambda: 0)()  # of an exception of MLflow's own client
        if status == TOO_MANY_REQUESTS or status in SERVER_ERRORS:
            return " ".join(str(error).split())[:200]
        if not isinstance(error, PASSING) or unknown_host(error, self.address, answered=self._answered_before):
            return None
        return None if unverified(error) else _reason(error)

    def _out_of_reach(self, error: Exception) -> Refused:
        return refuse(
            f"the registry {self.address} is out of reach",
            expected=f"an MLflow server that answers within {READ_S:.0f} s",
            got=_reason(error),
            fix="correct the registry connection (FEATHERLINE_REGISTRY), and the server's certificate with https",
        )

    def _shut_out(self, status: int) -> Refused:
        return refuse(
            f"the registry {self.address} does not let us in",
            expected="a user who may read and write models and experiments",
            got=f"HTTP {status}{'' if self.session.auth else ', and no user is set'}",
            fix="correct login and password of the registry connection (MLFLOW_TRACKING_USERNAME, …_PASSWORD)",
        )

    def _no_mlflow(self, got: str) -> Refused:
        return refuse(
            f"there is no MLflow server at {self.address}",
            expected="the address of an MLflow server, 3.0 or later, with its path where it has one",
            got=got,
            fix="correct the registry connection (FEATHERLINE_REGISTRY)",
        )


def _json(response: requests.Response) -> dict[str, Any] | None:
    try:
        content = response.json()
    except requests.exceptions.JSONDecodeError:
        return None
    return content if isinstance(content, dict) else None


def _reason(error: Exception) -> str:
    """Return the innermost cause, which says more than the layers around it."""
    cause: BaseException = error
    while (inner := cause.__cause__ or cause.__context__) is not None:
        cause = inner
    return f"{type(cause).__name__}: {getattr(cause, 'strerror', None) or cause}"
