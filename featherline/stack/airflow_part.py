"""Becomes a part of Airflow, and puts right three things of it.

    featherline up ──► migrate ──► [this] scheduler ──► API server answers ──► airflow scheduler --skip-serve-logs

The scheduler of a restarted stack goes on with what a crash has interrupted at once; a task that it starts before the
API server listens gives up after some tries, and counts as failed. So it waits, and is imported meanwhile; the
triggerer waits too, so that it leaves the processor to the API server, which everybody waits for. The log servers of
both would listen on every address; nobody needs them, the API server reads the files itself. And all of them import
with fewer collections of garbage, of which there is none yet.

Runs in Airflow's environment; without its own folder on the path, whose modules are called as Airflow's packages are.
"""

from __future__ import annotations

import gc
import os
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from importlib import import_module
from urllib.parse import urlsplit

MIGRATE = "migrate"
LIMIT_S = 240
ANSWER_S = 60
"""The first request to the tasks' own API makes the server build it, which takes seconds."""
SCHEDULER = (
    "airflow.cli.commands.scheduler_command",
    "airflow.jobs.scheduler_job_runner",
    "airflow.executors.local_executor",
)
"""What `airflow scheduler` imports late."""
TASKS = (
    "airflow.dag_processing.bundles.local",
    "airflow.dag_processing.dagbag",
    "airflow.providers.common.io.assets.file",
    "airflow.providers.standard.decorators.python",
    "airflow.providers.standard.operators.empty",
    "airflow.providers.standard.operators.hitl",
    "airflow.sdk.bases.sensor",
    "airflow.sdk.definitions.connection",
    "airflow.sdk.definitions.decorators",
    "airflow.sdk.definitions.retry_policy",
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",
    "airflow.sdk.execution_time.timeout",
    "jinja2.ext",
)
"""What every task would import, each for itself: their processes are forks of the scheduler's.

Nothing of Featherline's own: a change of it must reach the next task of a stack that runs.
"""


def main() -> None:
    """Become the part that the command line asks for, or make the tables that all of them need."""
    gc.set_threshold(50_000)  # a tenth of an import's time
    part = sys.argv[1]
    if part == MIGRATE:
        gc.disable()
        import_module("airflow.utils.db").initdb()
        return
    if part in {"scheduler", "triggerer"}:
        sys.argv.append("--skip-serve-logs")
        wait_for_server([*SCHEDULER, "airflow.__main__", *TASKS] if part == "scheduler" else [])
    import_module("airflow.__main__").main()


def wait_for_server(modules: list[str]) -> None:
    """Wait until the tasks' API answers, and import modules meanwhile."""
    address = os.environ["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"].rstrip("/") + "/health"
    deadline = time.monotonic() + LIMIT_S  # beyond it the part itself says better what is wrong
    wait_until_it_listens(address, deadline)
    answer = threading.Thread(target=wait_until_it_answers, args=(address, deadline), daemon=True)
    answer.start()
    for module in modules:
        import_module(module)
    answer.join()


def wait_until_it_listens(address: str, deadline: float) -> None:
    """Wait until the API server's port is open."""
    server = urlsplit(address)
    while time.monotonic() < deadline:
        try:
            with socket.create_connection((server.hostname, server.port or 80), timeout=ANSWER_S):
                return
        except OSError:
            time.sleep(0.2)


def wait_until_it_answers(address: str, deadline: float) -> None:
    """Wait until the tasks' API answers."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while time.monotonic() < deadline:
        try:
            with opener.open(address, timeout=ANSWER_S):
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.2)


if __name__ == "__main__":
    main()
