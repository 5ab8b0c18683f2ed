"""Working off the rows: as many processes as cores, a log for each, and what is left said after each.

jobs, longest first ──► a process on one core each ──► logs/NAME-SEED.log ──► made, or failed
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.seed_case.rows import ROWS, TEACHER_MINUTES
from benchmarks.steps import ROOT
from featherline.tasks.running.child import PARENT, PROGRAM

MINUTE_S = 60
GLANCE_S = 2.0
LINES = 3
"""Of the log of a job that failed, that are printed."""


class Job(NamedTuple):
    """A row's file with one seed."""

    name: str
    seed: int

    def __str__(self) -> str:
        return f"{self.name} (seed {self.seed})"

    @property
    def minutes(self) -> float:
        """Return what one core took when it was last made."""
        return ROWS[self.name].minutes


def hours(jobs: Sequence[Job], cores: int) -> float:
    """Return the time that jobs will take, beside which each seed's first needs the teacher's logits."""
    taught = {job.seed for job in jobs if ROWS[job.name].taught}
    total = sum(job.minutes for job in jobs) + TEACHER_MINUTES * len(taught)
    longest = max((job.minutes for job in jobs), default=0)
    return max(total / cores, longest) / MINUTE_S


def announce(jobs: Sequence[Job], missing: Sequence[Job]) -> None:
    """Print what will be made, and how long each takes on one core."""
    cores = os.cpu_count() or 1
    print(f"bench: {len(jobs)} files, {len(missing)} to make, about {hours(missing, cores):.1f} h on {cores} cores")
    for job in jobs:
        print(f"  {job!s:36} {f'{job.minutes:.0f} min' if job in missing else 'is there'}")


def work_off(jobs: Sequence[Job], folder: Path) -> list[Job]:
    """Make all files. Returns those that could not be made; the others are made all the same."""
    waiting = sorted(jobs, key=lambda job: -job.minutes)
    running: dict[Job, subprocess.Popen[bytes]] = {}
    failed: list[Job] = []
    started, cores = time.monotonic(), os.cpu_count() or 1
    try:
        while waiting or running:
            while waiting and len(running) < cores:
                job = waiting.pop(0)
                running[job] = _begin(job, folder)
                print(f"{_since(started)}  {job} begins; its log is {_log(job, folder)}", flush=True)
            time.sleep(GLANCE_S)
            for job, process in list(running.items()):
                if process.poll() is None:
                    continue
                del running[job]
                left = hours([*waiting, *running], cores)
                if process.returncode:
                    failed.append(job)
                    lines = _log(job, folder).read_text(errors="replace").splitlines()[-LINES:]
                    print(f"{_since(started)}  {job} failed, exit {process.returncode}", *lines, sep="\n    ")
                else:
                    print(f"{_since(started)}  {job} is made; at most {left:.1f} h left", flush=True)
    finally:
        for process in running.values():
            process.terminate()
    return failed


def _begin(job: Job, folder: Path) -> subprocess.Popen[bytes]:
    log = _log(job, folder)
    log.parent.mkdir(exist_ok=True)
    command = [*PROGRAM, "benchmarks.seed_case.making", job.name, str(job.seed), str(folder)]
    environment = os.environ | {PARENT: str(os.getpid())}  # so that it, and what it started, ends with this process
    with log.open("ab") as file:
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=file, stderr=subprocess.STDOUT)


def _log(job: Job, folder: Path) -> Path:
    return folder / "logs" / f"{job.name}-{job.seed}.log"


def _since(started: float) -> str:
    minutes = round((time.monotonic() - started) / MINUTE_S)
    return f"{minutes // MINUTE_S}:{minutes % MINUTE_S:02}"
