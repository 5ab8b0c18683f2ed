"""How long the lanes of a run have worked.

    runs/<run_id>/steps/*.json ──► results/<step>/<key>.json ──► seconds, each piece of work once

Of a hit the seconds of the run that made it count, so that the same run again spends the same and proposes the same. A
lane that crashed left no record: its time is not known here.
"""

from __future__ import annotations

from collections.abc import Collection

from pydantic import ValidationError

from featherline.tasks.contracts.candidate import LANE
from featherline.tasks.contracts.request import StepRecord, StepResult
from featherline.tasks.contracts.stored import OtherFormat
from featherline.tasks.running import step_cache
from featherline.tasks.running.run_records import records
from featherline.tasks.store.artifacts import Store


def spent_seconds(store: Store, run_id: str, candidates: Collection[str]) -> float:
    """Return the seconds that the steps of these candidates took; work that lanes have in common counts once."""
    pieces: dict[tuple[str, str], float] = {}
    for record in records(store, run_id):
        if record.step in LANE and record.label in candidates:
            pieces[record.step, record.key or record.label] = _seconds(store, record)
    return sum(pieces[piece] for piece in sorted(pieces))


def _seconds(store: Store, record: StepRecord) -> float:
    data = store.blobs.read(step_cache.result_key(record.step, record.key)) if record.key else None
    try:
        return StepResult.from_json(data).seconds if data is not None else record.seconds
    except (ValidationError, OtherFormat):
        return record.seconds
