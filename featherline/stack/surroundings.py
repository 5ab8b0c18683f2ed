"""What a server of the stack knows of the shell that started it, and of the stack's secrets.

shell ──► what a program must know of its machine ──► SeaweedFS, MLflow, PostgreSQL, Redis
      └─► what steps may know too: proxies, the Docker engine, FEATHERLINE_* ──► Airflow, which hands on what each needs
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from featherline.places import Places
from featherline.stack.processes import MARK
from featherline.tasks.contracts.secrecy import VARIABLES

MACHINE = frozenset(
    ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", MARK)
)
MACHINE_START = ("LC_",)
OF_STEPS = frozenset(
    (
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "CA_BUNDLE", "XDG_RUNTIME_DIR"),
    )
)
OF_STEPS_START = ("FEATHERLINE_", "DOCKER_", "CUDA_", "NVIDIA_", "OMP_", "TF_")
RUNS_TASKS = ("scheduler", "worker")
"""How the names of the parts of Airflow begin that run tasks; no other opens the store or the registry."""
CONNECTION = "AIRFLOW_CONN_"
_OURS = frozenset(name for names in VARIABLES.values() for name in names)


def of_server(places: Places) -> dict[str, str]:
    """Return what a server that runs no steps inherits of this shell."""
    return _inherited(MACHINE, MACHINE_START) | {MARK: str(places.var)}


def of_airflow(places: Places) -> dict[str, str]:
    """Return what Airflow inherits of this shell: what a step may be told, but no key of this shell's own."""
    return _inherited(MACHINE | OF_STEPS, (*MACHINE_START, *OF_STEPS_START)) | {MARK: str(places.var)}


def of_part(part: str, variables: Mapping[str, str]) -> dict[str, str]:
    """Return Airflow's variables as one of its parts gets them: the keys to the store only where tasks run."""
    if part.startswith(RUNS_TASKS):
        return dict(variables)
    return {name: value for name, value in variables.items() if not name.startswith(CONNECTION)}


def _inherited(names: frozenset[str], starts: tuple[str, ...]) -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if (name in names or name.startswith(starts)) and name not in _OURS
    }
