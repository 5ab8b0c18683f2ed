"""Where things lie: the checkout, and under `var/` all that a run or the stack leaves on this machine.

var/stack.json     what runs, by process id and start time
var/ports.json     where it listens, also after `down`
var/secrets/       passwords and keys, for this user's eyes only
var/log/           a log for each server: mlflow, api-server, scheduler, …
var/s3, mlflow, airflow, studies
var/runs/<run_id>/summary.json, var/demo/
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Places:
    """The folders of one stack. Two checkouts, or two values of FEATHERLINE_VAR, share none."""

    var: Path
    root: Path = ROOT

    @property
    def state(self) -> Path:
        """Return the file that says what runs."""
        return self.var / "stack.json"

    @property
    def ports(self) -> Path:
        """Return the file that keeps where the stack listens."""
        return self.var / "ports.json"

    @property
    def secrets(self) -> Path:
        """Return the folder of passwords and keys."""
        return self.var / "secrets"

    @property
    def airflow_home(self) -> Path:
        """Return Airflow's own folder: its database, its configuration, the logs of the tasks."""
        return self.var / "airflow"

    def log(self, server: str) -> Path:
        """Return the log of a server."""
        return self.var / "log" / f"{server}.log"

    @property
    def runs(self) -> Path:
        """Return the folder of what the command line keeps of runs."""
        return self.var / "runs"

    def run(self, run_id: str) -> Path:
        """Return the folder of what the command line keeps of a run."""
        return self.runs / run_id

    def program(self, environment: str, name: str) -> Path:
        """Return a program of the environment `tasks` or `airflow`."""
        return self.root / ".venvs" / environment / "bin" / name


def places() -> Places:
    """Return the places of this checkout, or those that FEATHERLINE_VAR names."""
    named = os.environ.get("FEATHERLINE_VAR")
    return Places(var=Path(named).resolve() if named else ROOT / "var")
