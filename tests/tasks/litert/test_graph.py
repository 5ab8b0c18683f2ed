"""The network inside a file as plain values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.litert import flatbuffer
from featherline.tasks.litert.graph import Graph, Operator, Tensor, read_graph


def test_reads_tensors_and_operators(dense_file: bytes) -> None:
    """One dense layer has its operator, its constants with their values, and computed ends."""
    graph = read_graph(dense_file)

    assert graph.operators == (Operator("FULLY_CONNECTED", (0, 1, 2), (3,)),)
    assert [tensor.shape for tensor in graph.tensors] == [(1, 2, 2, 1), (3, 4), (3,), (1, 3)]
    assert [tensor.constant is None for tensor in graph.tensors] == [True, False, False, True]
    assert graph.tensors[2].constant is not None
    assert graph.tensors[2].constant.tolist() == [0.0, 0.0, 0.5]
    assert (graph.inputs, graph.outputs) == ((0,), (3,))


def test_reads_the_lowest_runtime(dense_file: bytes) -> None:
    """The runtime version is the converter's, without its padding."""
    assert read_graph(dense_file).minimum_runtime == "1.5.0"


def test_no_lowest_runtime_is_none(objects: Any) -> None:
    """A file that does not say its lowest runtime gives None, not an empty string."""
    objects.metadata = []

    assert read_graph(flatbuffer.pack(objects)).minimum_runtime is None


def test_parameters_are_kernels_and_biases(dense_file: bytes) -> None:
    """The learned constants of a dense layer are its kernel and its bias."""
    assert [tensor.shape for tensor in read_graph(dense_file).parameters()] == [(3, 4), (3,)]


def test_looks_through_dequantize() -> None:
    """A float16 kernel that is widened before its use is a constant parameter, and its wide copy is not computed."""
    graph = Graph(
        tensors=(value((1, 4)), value((3, 4), np.ones((3, 4), np.float16)), value((3, 4)), value((1, 3))),
        operators=(Operator("DEQUANTIZE", (1,), (2,)), Operator("FULLY_CONNECTED", (0, 2, -1), (3,))),
        inputs=(0,),
        outputs=(3,),
        minimum_runtime=None,
    )

    assert [tensor.dtype for tensor in graph.parameters()] == [np.float16]
    assert [graph.computed(place) for place in (-1, 0, 1, 2, 3)] == [False, True, False, False, True]


def test_control_flow_is_refused(objects: Any) -> None:
    """A file with two subgraphs is refused, as operators of the second would not be counted."""
    objects.subgraphs.append(objects.subgraphs[0])

    with pytest.raises(Refused) as refusal:
        read_graph(flatbuffer.pack(objects))

    assert refusal.value.problems[0].got == "2 subgraphs"


def test_unknown_types_are_refused(objects: Any) -> None:
    """A tensor of a type that is not measured here is named."""
    objects.subgraphs[0].tensors[1].type = schema.TensorType.COMPLEX64

    with pytest.raises(Refused) as refusal:
        read_graph(flatbuffer.pack(objects))

    assert refusal.value.problems[0].got == "COMPLEX64"


def value(shape: tuple[int, ...], constant: Any = None) -> Tensor:
    """Return a tensor that is not quantized."""
    dtype = np.dtype(np.float32) if constant is None else constant.dtype
    return Tensor("", shape, dtype, constant, np.zeros(0, np.float32), np.zeros(0, np.int64))
