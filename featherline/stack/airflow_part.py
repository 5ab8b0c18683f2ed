"""Stands in for the program `airflow` where `airflow standalone` starts its parts, and puts right two things of them.

    airflow standalone ──► airflow scheduler ──► [this] ──► API server answers ──► airflow scheduler --skip-serve-logs

The scheduler of a restarted stack goes on with what a crash has interrupted at once; a task that it starts before the
API server listens gives up after five tries, and counts as failed. And the log servers of scheduler and triggerer would
listen on every address; nobody needs them, the API server reads the files itself.

Standard library only: it runs in Airflow's environment, for 30 ms.
"""

from __future__ import annotations

import os
import sys
import time
import urllib.error
import urllib.request

AIRFLOW = "FEATHERLINE_AIRFLOW"
"""The variable with the path of the program itself."""
LIMIT_S = 240
ANSWER_S = 60
"""The first request to the tasks' own API makes the server build it, which takes seconds."""


def main() -> None:
    """Become the part that the command line asks for."""
    program = os.environ[AIRFLOW]
    words = sys.argv[1:]
    if words[:1] == ["scheduler"]:
        wait_for(os.environ["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"].rstrip("/") + "/health")
    if words[:1] in (["scheduler"], ["triggerer"]):
        words.append("--skip-serve-logs")
    os.execv(program, [program, *words])  # noqa: S606 - our own program, without a shell


def wait_for(address: str) -> None:
    """Wait until the tasks' API answers, or for `LIMIT_S`: then the scheduler says better what is wrong."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + LIMIT_S
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
