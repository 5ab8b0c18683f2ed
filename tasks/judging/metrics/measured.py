"""What a lane claims of its file, read without trust.

    MeasurementRef ──► raw JSON ──► numbers (NaN where one is missing or no number)
                   └─► predictions + labels ──► correct, or the fault that makes them no evidence

The contract `Measurement` refuses a NaN at once, which would stop the gate for every candidate. Here the broken number
is kept as NaN, so that it closes the gate for its own candidate only.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.references import ArrayRef, MeasurementRef
from featherline.tasks.contracts.words import percent
from featherline.tasks.data.dataset import read_targets, split_digest
from featherline.tasks.store.artifacts import Store

LARGEST = float(np.finfo(np.float64).max)
"""The largest finite number: an infinity is beyond it."""

NUMBERS: dict[str, tuple[float, float]] = {
    "samples": (1, LARGEST),
    "accuracy": (0, 1),
    "accuracy_low": (0, 1),
    "accuracy_high": (0, 1),
    "confidence": (0, 1),
    "agreement": (0, 1),
    "calibration_error": (0, 1),
    "sparsity": (0, 1),
    "size_bytes": (1, LARGEST),
    "gzip_bytes": (1, LARGEST),
    "zstd_bytes": (1, LARGEST),
    "entropy_bytes": (0, LARGEST),
    "parameters": (1, LARGEST),
    "macs": (1, LARGEST),
    "peak_ram_bytes": (1, LARGEST),
    "latency_ms.p50": (math.ulp(0), LARGEST),
    "latency_ms.p90": (math.ulp(0), LARGEST),
    "latency_ms.p99": (math.ulp(0), LARGEST),
    "energy_uj": (0, LARGEST),
}
"""The numbers that every candidate must show, and the range that each can be in, ends included."""


@dataclass(frozen=True)
class TestSplit:
    """What a measurement is checked against.

    Attributes:
        labels: (samples,) int64, in the order of the predictions.
        classes: How many there are.
        sha256: Of the split's images and labels.
    """

    labels: NDArray[np.int64]
    classes: int
    sha256: str


@dataclass(frozen=True)
class Measured:
    """One measurement, as far as it can be believed.

    Attributes:
        name: The candidate that it speaks of; empty where it names none.
        numbers: By the names of `NUMBERS`; NaN where one is missing or no number.
        class_recall: By class; NaN where it is no number, or where the split has no image of the class.
        file_sha256: Of the file that was measured.
        correct: (samples,), True where the prediction is the label; None where `fault` says why not.
        fault: Why the predictions are no evidence for the numbers; empty where they are.
        elsewhere: Whether the fault is only that the measurement was made on another test split.
    """

    name: str
    numbers: dict[str, float]
    class_recall: NDArray[np.float64]
    file_sha256: str
    correct: NDArray[np.bool_] | None = field(repr=False)
    fault: str
    elsewhere: bool = False

    @property
    def accuracy(self) -> float:
        """Return the accuracy on the test split, or NaN."""
        return self.numbers["accuracy"]


def read_test_split(store: Store, dataset: Dataset) -> TestSplit:
    """Read the labels of the test split, without its examples."""
    return TestSplit(read_targets(store, dataset, "test"), len(dataset.vocabulary), split_digest(dataset, "test"))


def read_measured(store: Store, ref: MeasurementRef, split: TestSplit) -> Measured:
    """Read a measurement and hold its predictions against the labels.

    Raises:
        Damaged: The measurement or its predictions are gone from the store.
    """
    try:
        raw = json.loads(store.read_bytes(ref))
    except (ValueError, RecursionError):  # a number of thousands of digits, another's bytes: it proves nothing
        raw = None
    raw = raw if isinstance(raw, dict) else {}
    numbers = {name: _number(raw, name) for name in NUMBERS}
    recall = raw.get("class_recall")
    file = raw.get("file")
    name = raw.get("candidate")
    recalls = np.array([_as_number(value) for value in recall] if isinstance(recall, list) else [], np.float64)
    elsewhere = raw.get("test_sha256") != split.sha256
    if elsewhere:
        correct, fault = None, "measured on another test split"
    else:
        correct, fault = _evidence(store, raw, numbers["accuracy"], recalls, split)
    return Measured(
        name=name if isinstance(name, str) else "",
        numbers=numbers,
        class_recall=recalls,
        file_sha256=str(file.get("sha256", "")) if isinstance(file, dict) else "",
        correct=correct,
        fault=fault,
        elsewhere=elsewhere,
    )


def _evidence(
    store: Store, raw: dict[str, Any], accuracy: float, recalls: NDArray[np.float64], split: TestSplit
) -> tuple[NDArray[np.bool_] | None, str]:
    """Return which predictions are correct, or None and the reason why they prove nothing."""
    try:
        ref = ArrayRef.model_validate(raw.get("predictions"))
    except ValidationError:
        return None, "it has no predictions"
    logits = store.read_array(ref)
    expected = (len(split.labels), split.classes)
    if logits.shape != expected:
        return None, f"predictions of shape {logits.shape} for a test split of {expected}"
    broken = int((~np.isfinite(logits)).any(axis=1).sum())
    if broken:
        return None, f"{broken} of {len(logits)} predictions are not finite"
    correct: NDArray[np.bool_] = logits.argmax(axis=1) == split.labels
    if not abs(float(correct.mean()) - accuracy) < 0.5 / len(correct):
        return None, f"accuracy {percent(accuracy)}, but its predictions give {percent(float(correct.mean()))}"
    counts = np.bincount(split.labels, minlength=split.classes)
    right = np.bincount(split.labels[correct], minlength=split.classes)
    known = counts > 0
    if recalls.shape != counts.shape or not np.allclose(recalls[known], right[known] / counts[known], atol=1e-3):
        return None, "its recalls by class are not those of its predictions"
    return correct, ""


def _number(raw: dict[str, Any], path: str) -> float:
    value: Any = raw
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return _as_number(value)


def _as_number(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return math.nan
    try:
        return float(value)
    except OverflowError:  # an integer of hundreds of digits
        return math.nan
