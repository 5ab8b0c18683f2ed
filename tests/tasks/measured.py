"""Measured lanes in a folder store, as `evaluate` would leave them: what the gate, the choice and the report take."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from featherline.tasks.contracts.candidate import Infeasible
from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.measurement import Measurement, StageEntry
from featherline.tasks.contracts.model import Architecture, Ends, LiteRTModel, Model, Rung, TrainingHistory
from featherline.tasks.contracts.problems.classification import ACCURACY, ClassificationDetails
from featherline.tasks.contracts.references import (
    Champion,
    DatasetRef,
    DetailsRef,
    GoldenRef,
    HistoryRef,
    LiteRTFileRef,
    MeasurementRef,
    ModelFileRef,
    TrialsRef,
)
from featherline.tasks.contracts.steps.evaluate import EvaluateOutputs
from featherline.tasks.contracts.steps.plan import PlanOutputs
from featherline.tasks.contracts.steps.report import ReportInputs
from featherline.tasks.contracts.steps.select import SelectInputs, SelectParams
from featherline.tasks.contracts.steps.validate_metrics import GateRules, ValidateMetricsInputs, ValidateMetricsParams
from featherline.tasks.contracts.trials import Agreement, Hypervolumes, Trial, Trials
from featherline.tasks.data.dataset import read_split, split_digest
from featherline.tasks.running.context import Context
from featherline.tasks.steps.select import select
from featherline.tasks.steps.validate_metrics import validate_metrics
from featherline.tasks.store.artifacts import Store

Lane = Callable[..., EvaluateOutputs]
BASELINE_WRONG = (0, 1)
"""The images of the test split that the float baseline gets wrong: 0.98 of 100."""


PROVEN = GateRules(min_quality=0.85, max_drop=0.06, max_slice_drop=0.3, max_champion_drop=0.07)
"""Rules that 100 test images can prove of a file with three wrong."""

RUNGS = (
    Rung(
        scheme="static_wi4_ai8",
        size_bytes=9_000,
        validation_quality=0.9,
        agreement=0.9,
        kept=False,
        why="loses 8.00 points",
    ),
    Rung(scheme="int8", size_bytes=15_000, validation_quality=0.98, agreement=0.99, kept=True, why="loses 0.00 points"),
)
"""What a ladder tried."""

FAR = "prune l2 0.6 (kept 38% of the MACs, 60% asked)"
"""A stage that missed its target."""
FLOAT = StageEntry(
    stage="float baseline", size_bytes=120_000, gzip_bytes=100_000, zstd_bytes=99_000, entropy_bytes=90_000,
    sparsity=0.0, distinct_weights=9_000, parameters=28_000, macs=1_200_000, latency_ms_p50=0.05,
)  # fmt: skip
LEDGER = (
    FLOAT,
    FLOAT.model_copy(update={"stage": "prune 2:4", "sparsity": 0.5, "zstd_bytes": 60_000}),
    FLOAT.model_copy(update={"stage": "export int8", "sparsity": 0.5, "zstd_bytes": 15_000, "size_bytes": 30_000}),
)
"""Half the weights zero, then a quarter of the bytes each."""


def history(stage: str, epochs: int = 4) -> TrainingHistory:
    """Give curves that fall and rise as they should."""
    steps = range(1, epochs + 1)
    return TrainingHistory(
        stage=stage,
        metric=ACCURACY,
        loss=tuple(1.5 / step for step in steps),
        quality=tuple(1 - 0.5 / step for step in steps),
        validation_loss=tuple(1.6 / step for step in steps),
        validation_quality=tuple(1 - 0.6 / step for step in steps),
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
        rungs: tuple[Rung, ...] = (),
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
        quality = float((predicted == labels).mean())
        recalls = confusion.diagonal() / confusion.sum(axis=1)
        slices = tuple(
            {"name": kind, "samples": int(row.sum()), "quality": float(recall)}
            for kind, row, recall in zip(dataset.vocabulary, confusion, recalls, strict=True)
        )
        details = ClassificationDetails(confusion=tuple(map(tuple, confusion.tolist())), calibration_error=0.011)
        disagree = len(set(wrong) ^ set(BASELINE_WRONG))
        values: dict[str, Any] = {
            "candidate": name,
            "file": ref,
            "scheme": "float32" if name == "baseline" else "int8",
            "samples": len(labels),
            "quality": {
                "metric": ACCURACY,
                "value": quality,
                "low": max(quality - 0.03, 0.0),
                "high": min(quality + 0.02, 1.0),
                "confidence": 0.95,
            },
            "slices": slices,
            "details": store.put(details, DetailsRef),
            "agreement": None if name == "baseline" else 1 - disagree / len(labels),
            "outputs": store.put_array(np.asarray(logits)),
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
            validation_quality=quality,
            stages=stages,
            off_target=tuple(stage for stage in stages if stage == FAR),
            histories=tuple(store.put(history(stage), HistoryRef) for stage in stages),
        )
        golden = store.put_bytes(b"golden", GoldenRef)
        scheme = "float32" if name == "baseline" else "int8"
        model = LiteRTModel(
            file=ref,
            scheme=scheme,
            ends=Ends(inputs={}, outputs={}),
            golden=golden,
            validation_quality=quality,
            validation_slices=slices,
            source=source,
            rungs=rungs,
        )
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
def told(
    context: Context,
    digits: tuple[DatasetRef, Dataset],
    lane: Lane,
    baseline: EvaluateOutputs,
    champion: Callable[..., Champion],
) -> Callable[..., ReportInputs]:
    """Give a builder of all that `report` takes, judged and chosen by the real gate; five lanes, one infeasible."""

    def build(
        *,
        with_champion: bool = True,
        with_trials: bool = True,
        rules: GateRules = PROVEN,
        chosen: bool = True,
        **params: Any,
    ) -> ReportInputs:
        speed = {"p90": 0.03, "p99": 0.05, "threads": 1, "runs": 300, "warm_up": 20}
        lanes = (
            lane("int8", (0, 1), stages=("train",), latency_ms=speed | {"p50": 0.024, "speedup": 2.1}),
            lane("pruned-int8", (0, 1, 2), stages=("train", "prune"), rungs=RUNGS, ledger=LEDGER,
                 size_bytes=15_300, gzip_bytes=11_900,
                 macs=610_000, parameters=13_400, peak_ram_bytes=5_200, energy_uj=1.4,
                 latency_ms=speed | {"p50": 0.015, "speedup": 3.3, "speedup_low": 3.1, "speedup_high": 3.5}),
            lane("student", (0, 1, 3, 4), stages=("distill",), size_bytes=22_000, macs=900_000),
            lane("sparse", (0, 1, 2, 9), stages=("train", FAR), size_bytes=30_000, gzip_bytes=9_000, sparsity=0.8),
            lane("clustered", range(9), stages=("train", "cluster"), size_bytes=30_000, distinct_weights=16),
        )  # fmt: skip
        held = champion((0,), size_bytes=40_000) if with_champion else None
        judged = ValidateMetricsInputs(data=digits[0], baseline=baseline, lanes=lanes, champion=held)
        verdict = validate_metrics(judged, ValidateMetricsParams(rules=rules), context).verdict
        asked = SelectInputs(verdict=verdict, baseline=baseline, lanes=lanes)
        selection = select(asked, SelectParams(**params), context) if chosen else None
        space = Architecture(builder="cnn", options={"width": 8})
        trials = Trials(
            study="digits",
            sampler="nsga2",
            metric=ACCURACY,
            agreements=(
                Agreement(score="naswot", spearman=-0.5, trials=3),
                Agreement(score="synflow", spearman=None, trials=3),
            ),
            hypervolumes=Hypervolumes(reference=600_000, search=0.6125, control=0.54),
            control=tuple(
                Trial(number=number, architecture=space, state="complete", quality=0.81, epochs=2, macs=200_000,
                      parameters=1000, size_bytes=4000, seconds=1.0)
                for number in range(6)
            ),
            trials=tuple(
                Trial(number=number, architecture=space, state=state, quality=quality, epochs=2,
                      macs=200_000 * (number + 1), parameters=1000, size_bytes=4000, seconds=1.0)
                for number, (state, quality) in enumerate(
                    [("complete", 0.81), ("complete", 0.93), ("complete", 0.9), ("infeasible", None), ("failed", None),
                     ("filtered", None)]
                )
            ),
        )  # fmt: skip
        return ReportInputs(
            data=digits[0],
            model=baseline.model.source,
            baseline=baseline,
            lanes=lanes,
            verdict=verdict,
            plan=PlanOutputs(candidates=(), infeasible=(Infeasible(name="wide", reason="9.1 MB of 0.1 MB allowed"),)),
            selection=selection,
            trials=context.store.put(trials, TrialsRef) if with_trials else None,
            champion=held,
        )

    return build
