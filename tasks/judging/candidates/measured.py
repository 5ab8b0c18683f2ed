"""What a lane claims of its file, read without trust.

    MeasurementRef ──► raw JSON ──► numbers (NaN where one is missing or no number)
                   └─► outputs + targets ──► scores, or the fault that makes them no evidence

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
from featherline.tasks.contracts.problems.classification import of_older_version
from featherline.tasks.contracts.quality import QualityMetric
from featherline.tasks.contracts.references import ArrayRef, MeasurementRef
from featherline.tasks.data.dataset import read_targets, split_digest
from featherline.tasks.problems.opening import open_problem
from featherline.tasks.problems.protocol import Problem, Scores
from featherline.tasks.problems.scored import counts_units, scored_in_batches, slices_of, with_targets
from featherline.tasks.store.artifacts import Store

LARGEST = float(np.finfo(np.float64).max)
"""The largest finite number: an infinity is beyond it."""

CLOSE = 1e-6
"""Of a quality that is no count: what rounding may change."""

NUMBERS: dict[str, tuple[float, float]] = {
    "samples": (1, LARGEST),
    "quality.confidence": (0, 1),
    "agreement": (0, 1),
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
"""The numbers that every candidate must show beside its quality, and the range that each can be in, ends included."""


@dataclass(frozen=True)
class TestSplit:
    """What a measurement is checked against.

    Attributes:
        targets: (samples, ...), in the order of the outputs.
        vocabulary: The names of the answers, where they have names.
        problem: Which is to be solved.
        sha256: Of the split's examples and targets.
    """

    targets: NDArray[Any]
    vocabulary: tuple[str, ...]
    problem: Problem
    sha256: str


@dataclass(frozen=True)
class Measured:
    """One measurement, as far as it can be believed.

    Attributes:
        name: The candidate that it speaks of; empty where it names none.
        numbers: By the names of `numbers_of`; NaN where one is missing or no number.
        slices: By slice; NaN where it is no number, or where the split has no sample of the slice.
        file_sha256: Of the file that was measured.
        scores: Of each unit; None where `fault` says why not.
        fault: Why the outputs are no evidence for the numbers; empty where they are.
        problem: Which was to be solved.
        sliced: Whether it has slices.
        elsewhere: Whether the fault is only that the measurement was made on another test split.
    """

    name: str
    numbers: dict[str, float]
    slices: NDArray[np.float64]
    file_sha256: str
    scores: Scores | None = field(repr=False)
    fault: str
    problem: Problem
    sliced: bool
    elsewhere: bool = False

    @property
    def quality(self) -> float:
        """Return the quality on the test split, or NaN."""
        return self.numbers["quality.value"]


def numbers_of(metric: QualityMetric) -> dict[str, tuple[float, float]]:
    """Return the numbers that every candidate must show, and the range that each can be in."""
    least = -LARGEST if metric.least is None else metric.least
    most = LARGEST if metric.most is None else metric.most
    return {f"quality.{part}": (least, most) for part in ("value", "low", "high")} | NUMBERS


def read_test_split(store: Store, dataset: Dataset) -> TestSplit:
    """Read the targets of the test split, without its examples."""
    targets, problem = read_targets(store, dataset, "test"), open_problem(dataset.problem)
    return TestSplit(targets, dataset.vocabulary, problem, split_digest(dataset, "test"))


def read_measured(store: Store, ref: MeasurementRef, split: TestSplit) -> Measured:
    """Read a measurement and hold its outputs against the targets.

    Raises:
        Damaged: The measurement or its outputs are gone from the store.
    """
    try:
        raw = json.loads(store.read_bytes(ref))
    except (ValueError, RecursionError):  # a number of thousands of digits, another's bytes: it proves nothing
        raw = None
    raw = of_older_version(raw) if isinstance(raw, dict) else {}
    numbers = {name: _number(raw, name) for name in numbers_of(split.problem.quality)}
    slices = raw.get("slices")
    file = raw.get("file")
    name = raw.get("candidate")
    values = (
        [_as_number(one.get("quality")) if isinstance(one, dict) else math.nan for one in slices]
        if isinstance(slices, list)
        else []
    )
    qualities = np.array(values, np.float64)
    elsewhere = raw.get("test_sha256") != split.sha256
    if elsewhere:
        scores, fault = None, "measured on another test split"
    else:
        scores, fault = _evidence(store, raw, numbers["quality.value"], qualities, split)
    return Measured(
        name=name if isinstance(name, str) else "",
        numbers=numbers,
        slices=qualities,
        file_sha256=str(file.get("sha256", "")) if isinstance(file, dict) else "",
        scores=scores,
        fault=fault,
        problem=split.problem,
        sliced=bool(split.problem.slice_names(split.vocabulary)),
        elsewhere=elsewhere,
    )


def _evidence(
    store: Store, raw: dict[str, Any], quality: float, slices: NDArray[np.float64], split: TestSplit
) -> tuple[Scores | None, str]:
    """Return the scores of the outputs, or None and the reason why they prove nothing."""
    problem, metric = split.problem, split.problem.quality
    try:
        ref = ArrayRef.model_validate(raw.get("outputs"))
    except ValidationError:
        return None, "it has no outputs"
    (shape,) = problem.outputs(split.vocabulary).values()
    expected = (len(split.targets), *shape)
    with store.opened_array(ref) as outputs:
        if outputs.shape != expected:
            return None, f"outputs of shape {outputs.shape} for a test split of {expected}"
        broken = sum(int((~np.isfinite(part)).reshape(len(part), -1).any(axis=1).sum()) for part in outputs)
        if broken:
            return None, f"{broken} of {len(outputs)} outputs are not finite"
        scores = scored_in_batches(problem, with_targets(outputs, split.targets))
    claimed = raw["quality"].get("metric") if isinstance(raw.get("quality"), dict) else None
    if claimed != metric.model_dump(mode="json"):
        return None, f"its quality is not the {metric.name} of a {problem.name}"
    return _agreeing(scores, quality, slices, split)


def _agreeing(
    scores: Scores, quality: float, slices: NDArray[np.float64], split: TestSplit
) -> tuple[Scores | None, str]:
    """Return the scores where they give the numbers that are claimed, else None and what they give."""
    problem, metric = split.problem, split.problem.quality
    given = problem.aggregate(scores)
    room = 0.5 / len(scores) if counts_units(problem, scores) else CLOSE * max(abs(given), 1.0)
    if not abs(given - quality) < room:
        return None, f"{metric.told(quality)}, but its outputs give {metric.text(given)}"
    counted = [math.nan if one.quality is None else one.quality for one in slices_of(problem, scores, split.vocabulary)]
    known = np.isfinite(counted)
    if slices.shape != known.shape or not np.allclose(slices[known], np.array(counted)[known], atol=1e-3):
        return None, f"its {problem.words.slice_quality} by {problem.words.slice} is not that of its outputs"
    return scores, ""


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
