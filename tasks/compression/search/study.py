"""The study that all workers of a search share.

FEATHERLINE_STUDIES   a folder            a journal file with a lock, for one host
                      redis://…           a journal in Redis
                      postgresql://…      a database
"""

from __future__ import annotations

import fcntl
import json
import os
import time
import warnings
from pathlib import Path
from typing import IO

import optuna
from optuna.distributions import CategoricalDistribution
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend

from featherline.tasks.compression.search.proposals import Proposals
from featherline.tasks.compression.search.samplers import sampler_of
from featherline.tasks.compression.search.storages import PatientRedis, patient_database
from featherline.tasks.contracts.quality import SHARE, QualityMetric
from featherline.tasks.contracts.steps.search import SearchParams
from featherline.tasks.running.work import Work
from featherline.tasks.store.disk import writing

optuna.logging.set_verbosity(optuna.logging.WARNING)
warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)


def study_name(work: Work) -> str:
    """Return the name of the study: equal for all workers, and for a run that wants more trials of the same search."""
    key = work.shared_key(inputs={"worker": 0}, params={"trials": 0, "workers": 1, "control": False})
    return f"featherline-{key[:32]}"


def open_storage(place: str, name: str) -> BaseStorage:
    """Open the storage at `place`; a folder gets a journal file for each study."""
    if place.startswith("redis"):
        return JournalStorage(PatientRedis(place))
    if "://" in place:
        return patient_database(place)
    folder = Path(place)
    folder.mkdir(parents=True, exist_ok=True)
    journal, lock = folder / f"{name}.journal", KernelLock(folder / f"{name}.lock")
    lock.acquire()
    try:
        mend(journal)
    finally:
        lock.release()
    return JournalStorage(JournalFileBackend(str(journal), lock))


def mend(journal: Path) -> None:
    """Cut a journal before its first line that is none; the whole is kept beside it.

    A worker that is killed while it writes leaves half a line, and the next one's is glued to it: Optuna would fail on
    it for ever. What stands before is a study of its own.
    """
    if not journal.is_file():
        return
    data, good = journal.read_bytes(), 0
    for line in data.splitlines(keepends=True):
        try:
            whole = line.endswith(b"\n") and {"op_code", "worker_id"} <= json.loads(line).keys()
        except (ValueError, AttributeError, RecursionError):
            whole = False
        if not whole:
            break
        good += len(line)
    if good == len(data):
        return
    kept = journal.with_name(f"{journal.name}.damaged-{time.time_ns()}")
    with writing(kept, len(data)):
        kept.write_bytes(data)
        os.truncate(journal, good)
    print(
        f"the study {journal} was damaged after {good} of {len(data)} bytes and goes on from there; all of it: {kept}"
    )


class KernelLock:
    """Locks a journal by `flock`, which the kernel gives back when its holder dies.

    Optuna's own locks are files: one left by a killed worker stops the others for half a minute.
    """

    def __init__(self, path: Path) -> None:
        """Lock the file at `path`, made where it is absent."""
        self.path = path
        self._file: IO[bytes] | None = None

    def acquire(self) -> bool:
        """Wait for the lock."""
        file = self.path.open("ab")
        fcntl.flock(file, fcntl.LOCK_EX)
        self._file = file
        return True

    def release(self) -> None:
        """Give it back."""
        file, self._file = self._file, None
        if file is not None:
            file.close()


def open_study(place: str, name: str) -> optuna.Study:
    """Open what the workers of a search share, or begin it.

    Args:
        place: Where studies live.
        name: Of the study.
    """
    return optuna.create_study(
        storage=open_storage(place, name), study_name=name, directions=["maximize", "minimize"], load_if_exists=True
    )


def proposals_of(
    params: SearchParams, space: dict[str, CategoricalDistribution], seed: int, metric: QualityMetric = SHARE
) -> Proposals:
    """Return what each place of a search tries; equal for all workers."""
    sampler = sampler_of(params, space, seed)
    return Proposals(sampler, dict(space), objective=params.objective, in_flight=params.in_flight, metric=metric)
