"""Measured lanes in a folder store, as `evaluate` would leave them: what the gate, the choice and the report take."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.context import Context
from tasks.contracts.artifacts import (
    Champion,
    Dataset,
    DatasetRef,
    GoldenRef,
    HistoryRef,
    LiteRTFileRef,
    LiteRTModel,
    Measurement,
    MeasurementRef,
    Model,
    ModelFileRef,
    TrainingHistory,
)
from tasks.contracts.lane import EvaluateOutputs
from tasks.dataset import read_split, split_digest
from tasks.store import Store

Lane = Callable[..., EvaluateOutputs]
BASELINE_WRONG = (0, 1)
"""The images of the test split that the float baseline gets wrong: 0.98 of 100."""


def history(stage: str, epochs: int = 4) -> TrainingHistory:
    """Give curves that fall and rise as they should."""
    steps = range(1, epochs + 1)
    return TrainingHistory(
        stage=stage,
        loss=tuple(1.5 / step for step in steps),
        accuracy=tuple(1 - 0.5 / step for step in steps),
        validation_loss=tuple(1.6 / step for step in steps),
        validation_accuracy=tuple(1 - 0.6 / step for step in steps),
        learning_rate=tuple(1e-3 for _ in steps),
        seconds=tuple(0.5 for _ in steps),
    )


@pytest.fixture
def lane(store: Store, digits: tuple[DatasetRef, Dataset]) -> Lane:
    """Give a builder of measured lanes: `lane("int8", wrong=(0, 1, 5), size_bytes=20_000)`.

    `raw` replaces keys of the stored JSON as they are, past the contract: NaN, text, or `...` to leave a key out.
    """

    def build(
        name: str,
        wrong: Sequence[int] = BASELINE_WRONG,
        *,
        stages: tuple[str, ...] = ("train",),
        raw: dict[str, Any] | None = None,
        file: bytes | None = None,
        logits: Any = None,
        **changes: Any,
    ) -> EvaluateOutputs:
        dataset = digits[1]
        labels = read_split(store, dataset, "test")[1]
        predicted = labels.copy()
        predicted[list(wrong)] = (labels[list(wrong)] + 1) % 10
        if logits is None:
            logits = np.eye(10, dtype=np.float32)[predicted] * 8
        confusion = np.zeros((10, 10), int)
        np.add.at(confusion, (labels, predicted), 1)
        ref = store.put_bytes(file or f"the file of {name}".encode(), LiteRTFileRef)
        accuracy = float((predicted == labels).mean())
        disagree = len(set(wrong) ^ set(BASELINE_WRONG))
        values: dict[str, Any] = {
            "candidate": name,
            "file": ref,
            "scheme": "none" if name == "baseline" else "int8",
            "samples": len(labels),
            "accuracy": accuracy,
            "accuracy_low": max(accuracy - 0.03, 0.0),
            "accuracy_high": min(accuracy + 0.02, 1.0),
            "confidence": 0.95,
            "class_recall": tuple(confusion.diagonal() / confusion.sum(axis=1)),
            "confusion": tuple(tuple(int(count) for count in row) for row in confusion),
            "agreement": None if name == "baseline" else 1 - disagree / len(labels),
            "calibration_error": 0.011,
            "predictions": store.put_array(np.asarray(logits)),
            "test_sha256": split_digest(dataset, "test"),
            "size_bytes": 120_000 if name == "baseline" else 30_000,
            "gzip_bytes": 100_000 if name == "baseline" else 22_000,
            "zstd_bytes": 99_000 if name == "baseline" else 21_000,
            "entropy_bytes": 90_000 if name == "baseline" else 18_000,
            "sparsity": 0.01,
            "distinct_weights": 255,
            "parameters": 28_000,
            "macs": 1_200_000,
            "peak_ram_bytes": 9_000,
            "peak_ram_method": "tflite-micro",
            "latency_ms": {"p50": 0.05, "p90": 0.06, "p99": 0.09, "threads": 1, "runs": 300, "warm_up": 20}
            | ({} if name == "baseline" else {"speedup": 2.4, "speedup_low": 2.2, "speedup_high": 2.5}),
            "energy_uj": 6.1,
            "energy_method": "estimated: 45 nm model",
            "operators": {"CONV_2D": 4, "FULLY_CONNECTED": 1},
            "float_operators": 5 if name == "baseline" else 0,
            "minimum_runtime": "2.3.0",
            "runtime": "ai-edge-litert 2.3.0",
            "machine": "x86_64, 2 cores",
        }
        known = Measurement.model_validate(values | changes).model_dump(mode="json") | (raw or {})
        known = {key: value for key, value in known.items() if value is not ...}
        measurement = store.put_bytes(json.dumps(known, sort_keys=True).encode(), MeasurementRef)
        source = Model(
            file=store.put_bytes(f"the model of {name}".encode(), ModelFileRef),
            parameters=28_000,
            macs=1_200_000,
            validation_accuracy=accuracy,
            stages=stages,
            histories=tuple(store.put(history(stage), HistoryRef) for stage in stages),
        )
        golden = store.put_bytes(b"golden", GoldenRef)
        scheme = "none" if name == "baseline" else "int8"
        model = LiteRTModel(file=ref, scheme=scheme, golden=golden, validation_accuracy=accuracy, source=source)
        return EvaluateOutputs(measurement=measurement, model=model)

    return build


@pytest.fixture
def baseline(lane: Lane) -> EvaluateOutputs:
    """Give the float baseline: 98 of 100 right, 120,000 bytes."""
    return lane("baseline")


@pytest.fixture
def champion(lane: Lane) -> Callable[..., Champion]:
    """Give a builder of the registry's champion: a lane that was released before."""

    def build(wrong: Sequence[int] = BASELINE_WRONG, **changes: Any) -> Champion:
        released = lane("champion", wrong, **changes)
        return Champion(
            name="digits",
            version="3",
            model_sha256=released.model.file.sha256,
            release_uri="releases/digits/abc",
            measurement=released.measurement,
        )

    return build


@pytest.fixture
def seeded(store: Store, tmp_path: Path) -> Context:
    """Give a context with a seed that is not zero."""
    assert tmp_path.exists()
    return Context(store, seed=11)
