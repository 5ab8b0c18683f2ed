"""What a run's folder says of its tasks: one small record each, written by the shell when the task is done or refused.

runs/<run_id>/steps/<step>.<label>.json
"""

from __future__ import annotations

from pydantic import ValidationError

from featherline.tasks.contracts.request import StepRecord
from featherline.tasks.contracts.stored import OtherFormat
from featherline.tasks.store.artifacts import Store


def key_of(run_id: str, step: str, label: str = "") -> str:
    """Return where the record of a task lies."""
    return f"runs/{run_id}/steps/{'.'.join(filter(None, (step, label)))}.json"


def write(store: Store, run_id: str, record: StepRecord) -> None:
    """Say what became of a task; a retry of the same run writes it anew."""
    store.blobs.replace(key_of(run_id, record.step, record.label), record.to_json())


def read(store: Store, run_id: str, step: str, label: str = "") -> StepRecord | None:
    """Return what became of a task; None where nothing is said yet, or nothing that can be read."""
    return _parsed(store.blobs.read(key_of(run_id, step, label)))


def forget(store: Store, run_id: str, step: str, label: str = "") -> None:
    """Remove what an earlier try of a task in the same run has said."""
    store.blobs.delete(key_of(run_id, step, label))


def records(store: Store, run_id: str) -> tuple[StepRecord, ...]:
    """Return the records of a run by the names of their files; one that an earlier version wrote is left out."""
    parsed = (_parsed(store.blobs.read(place)) for place in sorted(store.blobs.keys(f"runs/{run_id}/steps/")))
    return tuple(record for record in parsed if record is not None)


def refusals(store: Store, run_id: str) -> tuple[StepRecord, ...]:
    """Return the records of the tasks that were refused."""
    return tuple(record for record in records(store, run_id) if record.status == "refused" and record.problems)


def _parsed(data: bytes | None) -> StepRecord | None:
    try:
        return None if data is None else StepRecord.from_json(data)
    except (ValidationError, OtherFormat):
        return None
