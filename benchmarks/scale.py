"""What a second worker gives, and what lanes and containers cost.

    recipe digits, its candidates replaced by N alike ──► one worker on one core,  4 lanes ─┐
                                                     ──► two workers, a core each, 4 lanes ─┴► speedup_two_workers
                                                     ──► two workers, 2, 4, 8 lanes ────────► lanes, lane_overhead_s
                                                     ──► steps as containers, 2 lanes ──────► docker_step_overhead_s

speedup_two_workers      wall time of the search and of the lanes with one worker over that with two, each from the
                         start of its first task to the end of its last; the other steps come one after the other
                         whatever the number of workers (whole_run_speedup has them in it)
lanes                    wall time of the run with two workers, by the number of lanes, in seconds
lane_overhead_s          of a lane's five tasks: Airflow's own time for them, less what the steps measured (median)
hits                     wall time of the run with 40 lanes, every step of it a hit, on an ordinary stack (median of 3)
docker_step_overhead_s   the same of one step as a container, less that of one as a process (median); null, with the
                         reason, where the images are absent

Each run does every step anew. Only the workers are bound to cores: the servers, as on other machines, take what is
free, so on two cores the speed-up is an underestimate.

    .venvs/tasks/bin/python benchmarks/scale.py          (six whole runs; needs tools/debian_packages.sh)
    .venvs/tasks/bin/python benchmarks/scale.py --hits   (the forty lanes of hits alone, written beside the others)
    .venvs/tasks/bin/python benchmarks/scale.py --quick  (shows that it works: its numbers say nothing, and go)
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from featherline import runs
from featherline.airflow_client import TaskState
from featherline.places import ROOT, Places
from featherline.stack import containers
from featherline.stack import stack as stacks
from featherline.stack.many_workers import is_worker
from featherline.stack.record import running
from featherline.summary import read_records
from featherline.tasks.contracts.request import StepRecord, Variable
from featherline.tasks.measuring.machine import machine
from featherline.tasks.store.artifacts import open_store

RESULTS = ROOT / "benchmarks" / "results" / "scale.json"
LANES = (2, 4, 8)
HIT_LANES, HIT_RUNS = 40, 3
COMPARED = 4
"""The number of lanes with which one worker is compared with two."""
OF_DIGITS = ("int8", "float16-sparse24", "pruned-qat", "sparse-clustered", "searched-int8")


@dataclass(frozen=True)
class Load:
    """How much there is to do in each lane.

    Attributes:
        epochs: Of the float model.
        lane_epochs: Of the fine-tuning after pruning.
        trials: Of the search, over both of its workers.
        trial_epochs: Of each trial.
    """

    epochs: int = 8
    lane_epochs: int = 40
    trials: int = 8
    trial_epochs: int = 12


@dataclass(frozen=True)
class Measured:
    """One run.

    Attributes:
        wall_s: From the trigger to the end.
        wide_s: The part of it in which there is work for more than one worker: the search and the lanes.
        step_overheads_s: Of each task that ran: Airflow's own time for it.
        lane_overheads_s: The same of each lane.
    """

    wall_s: float
    wide_s: float
    step_overheads_s: list[float]
    lane_overheads_s: list[float]


def main() -> None:
    """Measure, print, and write the results."""
    parser = argparse.ArgumentParser(description="Measure what workers, lanes and containers give and cost.")
    parser.add_argument("--quick", action="store_true", help="two lanes of one epoch; the results are not kept")
    parser.add_argument(
        "--hits", action="store_true", help="only the lanes of hits, put into the results that are there"
    )
    given = parser.parse_args()
    quick = given.quick
    if given.hits:
        found = json.loads(RESULTS.read_text()) | {"hits": hits(HIT_LANES)}
        RESULTS.write_text(json.dumps(found, indent=2) + "\n")
        print(f"hits {found['hits']}")
        return
    load, lanes = (Load(1, 1, 2, 1), (2,)) if quick else (Load(), LANES)
    compared = lanes[0] if quick else COMPARED
    with up("one", "--workers", "1") as places:
        one = run(places, compared, load)
    with up("two", "--workers", "2") as places:
        two = {number: run(places, number, load) for number in lanes}
    found = {
        "speedup_two_workers": round(one.wide_s / two[compared].wide_s, 2),
        "whole_run_speedup": round(one.wall_s / two[compared].wall_s, 2),
        "docker_step_overhead_s": None,
        "lanes": {str(number): round(measured.wall_s, 1) for number, measured in two.items()},
        "one_worker_s": round(one.wall_s, 1),
        "lane_overhead_s": round(
            statistics.median(seconds for measured in two.values() for seconds in measured.lane_overheads_s), 2
        ),
        **docker(load, lanes[0]),
        "hits": hits(lanes[0] if quick else HIT_LANES),
        "machine": machine(),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "command": "python benchmarks/scale.py" + (" --quick" if quick else ""),
    }
    if not quick:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(found, indent=2) + "\n")
    for name, value in found.items():
        print(f"{name:24} {value}")


def hits(lanes: int) -> dict[str, Any]:
    """Return how long a run takes in which all of so many lanes are hits, each step asked for."""
    asked = replace(order(lanes, Load(1, 1, 2, 1)), ignore_cache=False, unchanged="run")
    with up("hits") as places:
        stack = running(places)
        runs.enter(places, stack)
        for _ in range(2):  # the second has the champion that the first made
            runs.execute(places, stack, asked, Console(width=120))
        found = [runs.execute(places, stack, asked, Console(width=120)) for _ in range(HIT_RUNS)]
    if any(one.misses or one.state != "success" for one in found):
        sys.exit("a step was no hit, so there is nothing to measure")
    return {
        "lanes": lanes,
        "steps": found[0].hits,
        "wall_s": round(statistics.median(one.seconds for one in found), 1),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
    }


def docker(load: Load, lanes: int) -> dict[str, Any]:
    """Return what a step costs more as a container than as a process; None and the reason where it cannot be seen."""
    try:
        with up("docker", "--runtime", "docker") as places:
            contained = run(places, lanes, load)
            shared = containers.volume(places)
        subprocess.run(["docker", "volume", "rm", shared], stdout=subprocess.DEVNULL, check=True)
    except NotUpError as error:
        return {"docker_step_overhead_s": None, "docker_absent": str(error)}
    with up("process") as places:
        plain = run(places, lanes, load)
    medians = [statistics.median(one.step_overheads_s) for one in (contained, plain)]
    return {"docker_step_overhead_s": round(medians[0] - medians[1], 2)}


class NotUpError(Exception):
    """A stack of that kind cannot be had here."""


@contextmanager
def up(name: str, *words: str) -> Iterator[Places]:
    """Give a stack of its own, its workers bound to a core each, and end it.

    Raises:
        NotUpError: It does not start.
    """
    places = Places(var=ROOT / "var" / f"scale-{name}")
    environment = os.environ | {"FEATHERLINE_VAR": str(places.var)}
    command = [sys.executable, "-m", "featherline", "up", *words]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotUpError(f"featherline up {' '.join(words)}: {(done.stderr.strip() or done.stdout).splitlines()[-1]}")
    try:
        bind(places)
        yield places
    finally:
        stacks.down(places)


def bind(places: Places) -> None:
    """Bind each worker, and so all that it starts, to a core of its own."""
    cores = sorted(os.sched_getaffinity(0))
    workers = [server for server in running(places).servers if is_worker(server.name)]
    for core, worker in zip(itertools.cycle(cores), workers, strict=False):
        for pid in stacks.leftovers(places):
            with contextlib.suppress(ProcessLookupError):
                if os.getsid(pid) == worker.pid:
                    os.sched_setaffinity(pid, {core})


def run(places: Places, lanes: int, load: Load) -> Measured:
    """Run the recipe with so many lanes, every step anew."""
    stack = running(places)
    runs.enter(places, stack)
    summary = runs.execute(places, stack, order(lanes, load), Console(width=120))
    if summary.state != "success":
        sys.exit("the run failed, so there is nothing to measure")
    records = read_records(open_store(os.environ[Variable.STORE]), summary.run_id)
    tasks = runs.client_of(places, stack).tasks(summary.run_id)
    ran = [(task, record) for task in tasks if (record := of(task, records.values())) is not None]
    lane: dict[str, float] = {}
    for task, record in ran:
        if task.task_id.startswith("lanes."):
            lane[task.label] = lane.get(task.label, 0.0) + task.duration_s - record.seconds
    return Measured(
        wall_s=summary.seconds,
        wide_s=sum(wall(task for task in tasks if task.task_id.startswith(part)) for part in ("search", "lanes.")),
        step_overheads_s=[task.duration_s - record.seconds for task, record in ran],
        lane_overheads_s=list(lane.values()),
    )


def wall(tasks: Iterable[TaskState]) -> float:
    """Return the seconds from the start of the first task to the end of the last."""
    spans = [(datetime.fromisoformat(task.started).timestamp(), task.duration_s) for task in tasks]
    return max(start + seconds for start, seconds in spans) - min(start for start, _ in spans)


def of(task: TaskState, records: Any) -> StepRecord | None:
    """Return what a task's step said of itself; None for `approve`, which is none, and for the baseline's two."""
    step, label = task.task_id.rpartition(".")[2], task.label.removeprefix("worker ")
    return next((one for one in records if (one.step, one.label) == (step, label)), None)


def order(lanes: int, load: Load) -> runs.Order:
    """Return the recipe `digits` with candidates that differ in how much is pruned alone."""
    fit = {"epochs": load.lane_epochs, "batch_size": 64, "learning_rate": 0.003}
    candidates: dict[str, Any] = {f"candidates.{name}": None for name in OF_DIGITS}
    for number in range(lanes):
        macs = round(0.3 + 0.4 * number / lanes, 3)
        candidates[f"candidates.lane{number}"] = {
            "prune": {"method": "channel", "criterion": "bn_gamma", "keep_macs": macs, "fit": fit},
            "quantize": {"scheme": "int8"},
        }
    rest = {
        "train.epochs": load.epochs,
        "train.checks.min_quality": 0.1,
        "search.trials": load.trials,
        "search.workers": 2,
        "search.epochs": load.trial_epochs,
        "search.promoted_epochs": load.trial_epochs,
        "gate": {"min_quality": 0.05, "max_drop": 1, "max_slice_drop": 1, "objective": "size"},
        "release.name": "digits-scale",
    }
    return runs.Order("digits", candidates | rest, seed=3, ignore_cache=True)


if __name__ == "__main__":
    main()
