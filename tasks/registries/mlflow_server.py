"""Talking to an MLflow server: its public REST API over plain HTTP.

MLflow's own client takes 1.6 s to import, and every run asks a registry three times; it is used only where a model is
uploaded (`mlflow_upload.py`). User and password come from MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or a
token from MLFLOW_TRACKING_TOKEN, as MLflow's client takes them.
"""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from tasks.contracts.refusal import Refused, refuse

CONNECT_S, READ_S = 2.0, 20.0
ATTEMPTS = 3
"""To connect: a server that is not there is known in 1 s, an address where nobody answers in 8 s."""

ABSENT = "RESOURCE_DOES_NOT_EXIST"
CLIENT_ERRORS = range(400, 500)


class MlflowError(Exception):
    """The server understood and said no; `code` is MLflow's word for why."""

    def __init__(self, code: str, message: str) -> None:
        """Keep both."""
        super().__init__(f"{code}: {message}")
        self.code = code


class MlflowServer:
    """One server."""

    def __init__(self, address: str) -> None:
        """Describe the server; nothing is asked yet. Of user and password in the address `self.address` shows none."""
        parts = urlsplit(address)
        host = parts.netloc.rpartition("@")[2]
        self.address = urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))
        self.session = requests.Session()
        retries = Retry(total=None, connect=ATTEMPTS - 1, read=0, redirect=0, status=0, other=0, backoff_factor=0.4)
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, HTTPAdapter(max_retries=retries))
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
        """Change something. Raises MlflowError and Refused."""
        return self._answer("POST", path, json=values)

    def find(self, path: str, **values: Any) -> dict[str, Any] | None:  # noqa: ANN401 - JSON
        """Ask for something that may be absent. Raises Refused, and MlflowError for any other no."""
        try:
            return self.get(path, **values)
        except MlflowError as error:
            if error.code == ABSENT:
                return None
            raise

    def _answer(self, method: str, path: str, **values: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        url = f"{self.address}/api/2.0/mlflow/{path}"
        try:
            response = self.session.request(method, url, timeout=(CONNECT_S, READ_S), allow_redirects=False, **values)
        except (requests.ConnectionError, requests.Timeout) as error:
            raise self._out_of_reach(error) from error
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema) as error:
            raise self._no_mlflow(str(error)) from error
        if response.status_code in (401, 403):
            raise self._shut_out(response.status_code)
        content = _json(response)
        if response.ok and content is not None:
            return content
        if content is not None and "error_code" in content:
            raise MlflowError(content["error_code"], str(content.get("message", "")))
        if response.status_code in CLIENT_ERRORS or response.ok or response.is_redirect:
            kind = response.headers.get("Content-Type", "no type").partition(";")[0]
            raise self._no_mlflow(f"HTTP {response.status_code}, {kind}, for {path}")
        raise requests.HTTPError(f"{self.address} answered HTTP {response.status_code}: {response.text[:200]}")

    def _out_of_reach(self, error: Exception) -> Refused:
        return refuse(
            f"the registry {self.address} is out of reach",
            expected=f"an MLflow server that answers within {READ_S:.0f} s",
            got=_reason(error),
            fix="start the server, or correct the registry connection (FEATHERLINE_REGISTRY)",
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
