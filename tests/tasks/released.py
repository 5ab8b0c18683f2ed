"""A winner with an open gate in a folder store, keys that sign it, and the MLflow server as its registry."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from featherline.tasks.contracts.measurement import Finding, Measurement, Verdict
from featherline.tasks.contracts.model import Ends, LiteRTModel, Model, TensorSpec
from featherline.tasks.contracts.preprocessing import Preprocessing
from featherline.tasks.contracts.problems.classification import ACCURACY
from featherline.tasks.contracts.quality import Slice
from featherline.tasks.contracts.references import (
    ArrayRef,
    DatasetRef,
    GoldenRef,
    LiteRTFileRef,
    MeasurementRef,
    ModelFileRef,
    PageRef,
    RecipeRef,
    VerdictRef,
)
from featherline.tasks.contracts.request import Variable
from featherline.tasks.contracts.steps.publish import PublishInputs
from featherline.tasks.contracts.steps.report import ReportOutputs
from featherline.tasks.contracts.steps.select import SelectOutputs
from featherline.tasks.litert import flatbuffer, metadata
from featherline.tasks.releasing.releases.keys import make_keys
from featherline.tasks.store.artifacts import Store
from tests.tasks.mlflow_server import Mlflow

KERNEL = np.array([[1, 0, 0, 0], [0, 2, 0, 0], [1, 1, 1, 1]], np.int8)
Winner = Callable[..., PublishInputs]


def classifier(seed: int = 0) -> bytes:
    """Return an int8 file of one dense layer with its metadata: 2x2x1 pixels a, b, c, d become a, 2b and their sum.

    Args:
        seed: Files of different seeds name different authors and so have different digests.
    """
    model, graph, operator, code = schema.ModelT(), schema.SubGraphT(), schema.OperatorT(), schema.OperatorCodeT()
    model.version, model.subgraphs, model.operatorCodes = 3, [graph], [code]
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.FULLY_CONNECTED
    code.version = 4
    model.buffers = [schema.BufferT() for _ in range(4)]
    model.buffers[2].data = KERNEL.reshape(-1).view(np.uint8)
    graph.tensors = [
        _tensor((1, 2, 2, 1), 1, 0.125, -8),
        _tensor(KERNEL.shape, 2, 1.0, 0),
        _tensor((1, 3), 3, 0.25, -4),
    ]
    graph.inputs, graph.outputs = np.array([0], np.int32), np.array([2], np.int32)
    operator.inputs, operator.outputs = np.array([0, 1, -1], np.int32), np.array([2], np.int32)
    operator.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
    operator.builtinOptions = schema.FullyConnectedOptionsT()
    graph.operators = [operator]
    said = metadata.FileMetadata(
        labels=("first", "second", "sum"),
        preprocessing={"image": Preprocessing(name="own", scale=4.0, mean=(0.5,), std=(0.5,))},
        inputs={"image": metadata.End(dtype="int8", scale=0.125, zero_point=-8)},
        outputs={"logits": metadata.End(dtype="int8", scale=0.25, zero_point=-4)},
        scheme="int8",
        validation_quality=0.97,
        source_validation_quality=0.98,
        author=f"author {seed}",
        versions={},
    )
    return metadata.write(flatbuffer.pack(model), said)


def _tensor(shape: tuple[int, ...], buffer: int, scale: float, zero_point: int) -> Any:
    tensor = schema.TensorT()
    tensor.shape, tensor.buffer, tensor.name = np.array(shape, np.int32), buffer, f"t{buffer}"
    tensor.type = schema.TensorType.INT8
    tensor.quantization = schema.QuantizationParametersT()
    tensor.quantization.scale = np.array([scale], np.float32)
    tensor.quantization.zeroPoint = np.array([zero_point], np.int64)
    return tensor


@pytest.fixture
def winner(store: Store) -> Winner:
    """Give a builder of what `publish` takes: `winner(seed=1, passed=False, report="another")`."""

    def build(seed: int = 0, *, passed: bool = True, report: str = "report", name: str = "small") -> PublishInputs:
        content = classifier(seed)
        file = store.put_bytes(content, LiteRTFileRef)
        golden = io.BytesIO()
        ends = {"inputs.image": np.zeros((1, 2, 2, 1), np.int8), "outputs.logits": np.zeros((1, 3), np.int8)}
        np.savez(golden, **ends)
        source = Model(
            file=store.put_bytes(b"the float model", ModelFileRef),
            parameters=12,
            macs=12,
            validation_quality=0.98,
            stages=("train", "quantize"),
        )
        model = LiteRTModel(
            file=file,
            scheme="int8",
            ends=Ends(
                inputs={"image": TensorSpec(shape=(2, 2, 1), dtype="int8")},
                outputs={"logits": TensorSpec(shape=(3,), dtype="int8")},
            ),
            golden=store.put_bytes(golden.getvalue(), GoldenRef),
            validation_quality=0.97,
            validation_slices=SLICES,
            source=source,
        )
        measurement = store.put(measured(name, file, store.put_array(np.zeros((100, 3), np.float32))), MeasurementRef)
        finding = Finding(rule="max_drop", subject=name, passed=passed, expected="at most 0.02 lost", got="0.01 lost")
        page = store.put_bytes(b"<html>verdict</html>", PageRef)
        verdict = store.put(Verdict(gate="metrics", passed=passed, findings=(finding,), page=page), VerdictRef)
        selection = SelectOutputs(winner=name, model=model, measurement=measurement, ranking=(), borderline=False)
        pages = ReportOutputs(
            page=store.put_bytes(f"<html>{report}</html>".encode(), PageRef),
            card=store.put_bytes(f"# {report}".encode(), PageRef),
        )
        return PublishInputs(
            selection=selection,
            verdict=verdict,
            report=pages,
            recipe=store.put_bytes(b'{"name":"digits"}', RecipeRef),
            data=store.put_bytes(b'{"name":"digits"}', DatasetRef),
            baseline=source.model_copy(update={"file": store.put_bytes(b"the float baseline", ModelFileRef)}),
        )

    return build


SLICES = tuple(Slice(name=name, samples=33, quality=0.97) for name in ("a", "b", "c"))


def measured(name: str, file: LiteRTFileRef, predictions: ArrayRef) -> Measurement:
    """Return a measurement of a file: 97 of 100 right."""
    return Measurement.model_validate(
        {
            "candidate": name,
            "file": file,
            "scheme": "int8",
            "samples": 100,
            "quality": {"metric": ACCURACY, "value": 0.97, "low": 0.93, "high": 0.99, "confidence": 0.95},
            "slices": SLICES,
            "agreement": 0.98,
            "outputs": predictions,
            "test_sha256": "0" * 64,
            "size_bytes": file.bytes,
            "gzip_bytes": 700,
            "zstd_bytes": 690,
            "entropy_bytes": 12,
            "sparsity": 0.5,
            "distinct_weights": 3,
            "parameters": 12,
            "macs": 12,
            "peak_ram_bytes": 512,
            "peak_ram_method": "liveness",
            "latency_ms": {"p50": 0.01, "p90": 0.02, "p99": 0.03, "threads": 1, "runs": 100, "warm_up": 10},
            "energy_uj": 0.1,
            "energy_method": "estimated",
            "operators": {"FULLY_CONNECTED": 1},
            "float_operators": 0,
            "minimum_runtime": "1.14.0",
            "runtime": "ai-edge-litert 2.3.0",
            "machine": "x86_64, 2 cores",
        }
    )


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Give a key pair that the environment names: the private path and the public one."""
    private, public = make_keys(tmp_path / "keys")
    monkeypatch.setenv(Variable.SIGNING_KEY, str(private))
    monkeypatch.setenv(Variable.VERIFY_KEY, str(public))
    return private, public


@pytest.fixture
def mlflow(mlflow_server: Mlflow, monkeypatch: pytest.MonkeyPatch) -> Mlflow:
    """Give the server, named by the environment as the registry."""
    monkeypatch.setenv(Variable.REGISTRY, mlflow_server.address)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", mlflow_server.user)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", mlflow_server.password)
    return mlflow_server
