"""The time that the lanes of a run took."""

from __future__ import annotations

import pytest

from featherline.tasks.contracts.request import StepRecord, StepResult
from featherline.tasks.running import step_cache
from featherline.tasks.running.lane_seconds import spent_seconds
from featherline.tasks.store.artifacts import Store

KEY, OTHER = "a" * 64, "b" * 64


def record(store: Store, step: str, label: str, **said: object) -> None:
    """Leave what became of a task."""
    found = StepRecord.model_validate({"step": step, "label": label, **said})
    store.blobs.replace(f"runs/r/steps/{step}.{label}.json", found.to_json())


def test_work_in_common_counts_once_and_a_hit_with_what_it_saved(store: Store):
    """Ten seconds of pruning for two lanes, one of which found it done, and two seconds of a lane's own."""
    result = StepResult(step="prune", run_id="earlier", status="ran", key=KEY, seconds=10, outputs={})
    store.blobs.create(step_cache.result_key("prune", KEY), result.to_json())
    record(store, "prune", "a", status="ran", key=KEY, seconds=10)
    record(store, "prune", "b", status="hit", key=KEY, seconds=0.2)
    record(store, "quantize", "b", status="ran", key=OTHER, seconds=2)

    assert spent_seconds(store, "r", {"a", "b"}) == pytest.approx(12)


def test_only_steps_of_these_lanes_count(store: Store):
    """Neither the training of the baseline, nor its export, nor a lane that the question is not about."""
    record(store, "export", "baseline", status="ran", key=KEY, seconds=100)
    record(store, "train", "a", status="ran", key=KEY, seconds=100)
    record(store, "export", "c", status="ran", key=KEY, seconds=100)
    record(store, "export", "a", status="refused", seconds=3)

    assert spent_seconds(store, "r", {"a", "b"}) == pytest.approx(3)


def test_a_record_that_cannot_be_read_is_no_time(store: Store):
    """It stops no search."""
    store.blobs.replace("runs/r/steps/prune.a.json", b"{}")

    assert spent_seconds(store, "r", {"a"}) == 0
