"""A `.tflite` file small enough to check by eye, written operator by operator."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from featherline.tasks.litert import flatbuffer
from tests.tasks.exported import exported, small_model

__all__ = ["exported", "small_model"]

KERNEL = np.array([[1, 0, 0, 0], [0, 2, 0, 0], [1, 1, 1, 1]], np.float32)
BIAS = np.array([0, 0, 0.5], np.float32)


@pytest.fixture
def objects() -> Any:
    """Give a network of one dense layer: (1, 2, 2, 1) pixels a, b, c, d become a, 2b and a + b + c + d + 0.5."""
    return dense(KERNEL, BIAS)


@pytest.fixture
def dense_file(objects: Any) -> bytes:
    """Give that network as a file."""
    return flatbuffer.pack(objects)


@pytest.fixture
def broken_file() -> bytes:
    """Give that network with a NaN among its weights."""
    return flatbuffer.pack(dense(np.full_like(KERNEL, np.nan), BIAS))


def dense(kernel: NDArray[Any], bias: NDArray[Any]) -> Any:
    """Return one dense layer as a `ModelT`."""
    model, graph, operator, code = schema.ModelT(), schema.SubGraphT(), schema.OperatorT(), schema.OperatorCodeT()
    model.version, model.subgraphs, model.operatorCodes = 3, [graph], [code]
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.FULLY_CONNECTED
    code.version = 1
    model.buffers = [schema.BufferT(), schema.BufferT(), schema.BufferT(), schema.BufferT(), schema.BufferT()]
    model.buffers[2].data = np.frombuffer(kernel.tobytes(), np.uint8)
    model.buffers[3].data = np.frombuffer(bias.tobytes(), np.uint8)
    shapes = [(1, 2, 2, 1), kernel.shape, bias.shape, (1, len(bias))]
    names = ["a very long name that says where the image came from", "kernel", "bias", "and one for the output"]
    graph.tensors = [
        _tensor(shape, name, buffer) for buffer, (shape, name) in enumerate(zip(shapes, names, strict=True), start=1)
    ]
    graph.inputs, graph.outputs = np.array([0], np.int32), np.array([3], np.int32)
    operator.inputs, operator.outputs = np.array([0, 1, 2], np.int32), np.array([3], np.int32)
    operator.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
    operator.builtinOptions = schema.FullyConnectedOptionsT()
    graph.operators = [operator]
    flatbuffer.put_entry(model, "min_runtime_version", b"1.5.0".ljust(16, b"\0"))
    flatbuffer.put_entry(model, "CONVERSION_METADATA", bytes(200))
    return model


def _tensor(shape: tuple[int, ...], name: str, buffer: int) -> Any:
    tensor = schema.TensorT()
    tensor.shape, tensor.name, tensor.buffer = np.array(shape, np.int32), name, buffer
    tensor.type = schema.TensorType.FLOAT32
    return tensor
