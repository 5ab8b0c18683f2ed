"""Airflow as a user sees it from outside: its REST API, version 2.

token ──► dags, dagRuns, taskInstances, logs
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from featherline.tasks.contracts.refusal import Problem, Refused, refuse

DAG = "retrain_and_compress"
PAGE = 100
"""Airflow gives at most this many of anything at once."""
LOST_S = 30
"""A server that does not answer for this long is gone."""


@dataclass(frozen=True)
class TaskState:
    """One task of a run, now.

    Attributes:
        task_id: With its group, such as `lanes.prune`.
        map_index: -1 for a task that is not mapped.
        label: The candidate or worker of a mapped task; empty before it started.
        state: Airflow's word; empty for a task that waits for others.
        tries: Which try this is, from 1.
        duration_s: How long it ran, or runs.
        started: When its last try started, in ISO 8601; empty before.
    """

    task_id: str
    map_index: int
    label: str
    state: str
    tries: int
    duration_s: float
    started: str = ""


class AirflowAway(Refused):
    """Airflow does not answer: what was asked may be asked again when it is back."""


class AirflowClient:
    """One Airflow and one user of it. Every call raises `Refused` where Airflow says no, or nothing for 30 s."""

    def __init__(self, url: str, user: str, password: str) -> None:
        """Log in at the first call."""
        self.url = url
        self._login = {"username": user, "password": password}
        self._http = httpx.Client(base_url=url, timeout=20, trust_env=False)

    def wait_for_dag(self, limit_s: float = 60) -> None:
        """Wait until Airflow has read the pipeline.

        Raises:
            Refused: A DAG file cannot be read, or was not in time.
        """
        deadline = time.monotonic() + limit_s
        while self._ask("GET", f"/api/v2/dags/{DAG}", absent=True) is None:
            errors = self._get("/api/v2/importErrors")["import_errors"]
            if errors or time.monotonic() > deadline:
                raise refuse(
                    f"Airflow cannot read the pipeline {DAG}",
                    expected=f"dags/ to be read within {limit_s:.0f} s",
                    got="\n".join(error["stack_trace"].strip().splitlines()[-1] for error in errors) or "nothing yet",
                    fix="correct the file that it names, or see the log of the dag-processor",
                )
            time.sleep(0.2)

    def trigger(self, run_id: str, conf: dict[str, Any]) -> None:
        """Start a run, as the button in the UI does. Raises `Refused` where the form does not take `conf`."""
        self._ask("POST", f"/api/v2/dags/{DAG}/dagRuns", {"dag_run_id": run_id, "logical_date": None, "conf": conf})

    def run(self, run_id: str) -> dict[str, Any]:
        """Return a run: its `state`, `start_date`, `end_date`, `conf`."""
        return self._get(f"/api/v2/dags/{DAG}/dagRuns/{run_id}")

    def runs(self, most: int = 20, *states: str) -> list[dict[str, Any]]:
        """Return the latest runs, the newest first, in one of `states` where any is named."""
        query = httpx.QueryParams({"limit": most, "order_by": "-run_after", "state": states})
        answer = self._get(f"/api/v2/dags/{DAG}/dagRuns?{query}")
        return list(answer["dag_runs"])

    def is_paused(self) -> bool:
        """Return whether the pipeline is paused, so that none of its tasks is started."""
        return bool(self._get(f"/api/v2/dags/{DAG}")["is_paused"])

    def full_pools(self) -> dict[str, int]:
        """Return the pools that have no free slot, with how many slots each has."""
        pools = self._pages("/api/v2/pools", "pools")
        return {one["name"]: one["slots"] for one in pools if one["slots"] >= 0 and one["open_slots"] <= 0}

    def end_run(self, run_id: str) -> None:
        """Mark a run as failed, which ends the tasks that run."""
        self._ask("PATCH", f"/api/v2/dags/{DAG}/dagRuns/{run_id}", {"state": "failed"})

    def fail_task(self, run_id: str, task_id: str, map_index: int = -1) -> None:
        """Mark a task as failed, which ends its process, as the button in the UI does."""
        place = f"/api/v2/dags/{DAG}/dagRuns/{run_id}/taskInstances/{task_id}"
        self._ask("PATCH", f"{place}/{map_index}" if map_index >= 0 else place, {"new_state": "failed"})

    def tasks(self, run_id: str) -> list[TaskState]:
        """Return all tasks of a run."""
        return [
            TaskState(
                task_id=one["task_id"],
                map_index=one["map_index"],
                label=one["rendered_map_index"] or "",
                state=one["state"] or "",
                tries=one["try_number"],
                duration_s=one["duration"] or 0.0,
                started=one["start_date"] or "",
            )
            for one in self._pages(f"/api/v2/dags/{DAG}/dagRuns/{run_id}/taskInstances", "task_instances")
        ]

    def log(self, run_id: str, task: TaskState) -> list[str]:
        """Return what a task's latest try said, line by line; an exception's message is a line of its own."""
        answer = self._get(
            f"/api/v2/dags/{DAG}/dagRuns/{run_id}/taskInstances/{task.task_id}/logs/{max(task.tries, 1)}"
            f"?full_content=true&map_index={task.map_index}"
        )
        lines = (line if isinstance(line, dict) else {"event": line} for line in answer["content"])
        return [text for line in lines for text in (str(line["event"]), *_exceptions(line))]

    def _pages(self, path: str, what: str) -> Iterator[dict[str, Any]]:
        offset = 0
        while True:
            answer = self._get(f"{path}?limit={PAGE}&offset={offset}")
            yield from answer[what]
            offset += PAGE
            if offset >= answer["total_entries"]:
                return

    def _get(self, path: str) -> dict[str, Any]:
        return self._ask("GET", path) or {}

    def _ask(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, absent: bool = False
    ) -> dict[str, Any] | None:
        """Return the answer; None for what is not there, where that is allowed."""
        answer = self._send(method, path, body)
        if answer.status_code == httpx.codes.UNAUTHORIZED:  # not logged in yet, or the token is too old
            token = self._send("POST", "/auth/token", self._login)
            if token.is_success:
                self._http.headers["Authorization"] = f"Bearer {token.json()['access_token']}"
                answer = self._send(method, path, body)
        if absent and answer.status_code == httpx.codes.NOT_FOUND:
            return None
        if not answer.is_success:
            raise refuse(
                f"Airflow refuses {method} {path.partition('?')[0]}",
                expected="an answer of the kind 2xx",
                got=f"{answer.status_code}: {_detail(answer)}",
                fix="correct what it names" if body else f"see {self.url}",
            )
        found: dict[str, Any] = answer.json() if answer.content else {}
        return found

    def _send(self, method: str, path: str, body: dict[str, Any] | None) -> httpx.Response:
        """Ask until there is an answer that stands.

        A server error is asked again: Airflow takes back what it had begun when its database is busy, and SQLite is
        so at once for whoever read before another wrote.
        """
        deadline = time.monotonic() + LOST_S
        while True:
            try:
                answer = self._http.request(method, path, json=body)
                if not answer.is_server_error or time.monotonic() > deadline:
                    return answer
                time.sleep(0.5)
            except httpx.TransportError as error:
                if time.monotonic() > deadline or (method == "POST" and not isinstance(error, httpx.ConnectError)):
                    raise AirflowAway(
                        Problem(
                            "Airflow is out of reach",
                            f"an answer at {self.url}",
                            f"{type(error).__name__} for {LOST_S} s",
                            "featherline up, then run again: what is finished is not done again",
                        )
                    ) from error
                time.sleep(0.5)


def _exceptions(line: dict[str, Any]) -> list[str]:
    return [str(one["exc_value"]) for one in line.get("error_detail") or () if one.get("exc_value")]


def _detail(answer: httpx.Response) -> str:
    try:
        detail = answer.json().get("detail", answer.text)
    except ValueError:
        detail = answer.text
    return " ".join(str(detail).split())[:400]
