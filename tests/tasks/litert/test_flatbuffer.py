"""Reading and writing `.tflite` files without changing what they compute."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from featherline.tasks.litert import flatbuffer
from featherline.tasks.litert.interpreter import FileRunner

IMAGE = np.array([1, 2, 3, 4], np.float32).reshape(1, 2, 2, 1)


def test_packing_twice_gives_the_same_bytes(dense_file: bytes) -> None:
    """A file that is unpacked and packed again is the same file."""
    assert flatbuffer.pack(flatbuffer.unpack(dense_file)) == dense_file


def test_weights_lie_on_sixteen_bytes(dense_file: bytes) -> None:
    """Every weight starts at a multiple of sixteen bytes, as the schema asks."""
    model = schema.Model.GetRootAsModel(dense_file, 0)
    buffers = [model.Buffers(index) for index in range(model.BuffersLength())]

    starts = [buffer._tab.Vector(buffer._tab.Offset(4)) for buffer in buffers if not buffer.DataIsNone()]

    assert len(starts) == 4
    assert [start % 16 for start in starts] == [0, 0, 0, 0]


def test_equal_vectors_are_written_once(objects: Any) -> None:
    """A second tensor with the same thousand zero points costs no eight thousand bytes."""
    for tensor in objects.subgraphs[0].tensors[1:3]:
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.zeroPoint = np.zeros(1000, np.int64)

    twice = len(flatbuffer.pack(objects))
    objects.subgraphs[0].tensors[2].quantization.zeroPoint = None
    once = len(flatbuffer.pack(objects))

    assert twice - once < 100


def test_weights_outside_the_flatbuffer_come_inside(objects: Any) -> None:
    """Weights that a file refers to by offset are found, and the packed file computes with them."""
    weights = objects.buffers[2].data
    objects.buffers[2].data = None
    objects.buffers[2].offset, objects.buffers[2].size = 2**20, weights.size
    start = len(flatbuffer.pack(objects))
    objects.buffers[2].offset = start
    outside = flatbuffer.pack(objects) + weights.tobytes()

    inside = flatbuffer.pack(flatbuffer.unpack(outside))

    assert len(flatbuffer.pack(objects)) == start
    assert FileRunner(inside).predict(IMAGE).tolist() == [[1.0, 4.0, 10.5]]


def test_compacting_keeps_the_outputs(objects: Any, dense_file: bytes) -> None:
    """A compacted file is smaller and computes the same."""
    flatbuffer.compact(objects)
    small = flatbuffer.pack(objects)

    assert len(small) < len(dense_file) - 250
    assert FileRunner(small).predict(IMAGE).tolist() == FileRunner(dense_file).predict(IMAGE).tolist()


def test_compacting_names_only_the_ends(objects: Any) -> None:
    """The ends are called as in the signature, and inner tensors lose their names."""
    signature = schema.SignatureDefT()
    signature.signatureKey = "serving_default"
    signature.inputs, signature.outputs = [schema.TensorMapT()], [schema.TensorMapT()]
    graph = objects.subgraphs[0]
    (signature.inputs[0].name, signature.inputs[0].tensorIndex) = ("image", graph.inputs[0])
    (signature.outputs[0].name, signature.outputs[0].tensorIndex) = ("logits", graph.outputs[0])
    objects.signatureDefs = [signature]

    flatbuffer.compact(objects)

    assert [tensor.name for tensor in graph.tensors] == ["image", None, None, "logits"]


def test_without_a_signature_the_ends_keep_their_names(objects: Any) -> None:
    """What a runtime may look for stays, and inner tensors lose their names."""
    graph = objects.subgraphs[0]
    ends = [graph.tensors[0].name, graph.tensors[3].name]

    flatbuffer.compact(objects)

    assert [tensor.name for tensor in graph.tensors] == [ends[0], None, None, ends[1]]


def test_compacting_keeps_only_the_lowest_runtime(objects: Any) -> None:
    """Of the converter's metadata the lowest runtime version stays."""
    flatbuffer.compact(objects)

    assert flatbuffer.get_entry(objects, "min_runtime_version") == b"1.5.0".ljust(16, b"\0")
    assert flatbuffer.get_entry(objects, "CONVERSION_METADATA") is None


def test_compacting_shares_equal_weights(objects: Any) -> None:
    """Two tensors with the same weights use one buffer, and what is computed uses the empty one."""
    objects.buffers[3].data = objects.buffers[2].data

    flatbuffer.compact(objects)

    assert [tensor.buffer for tensor in objects.subgraphs[0].tensors] == [0, 1, 1, 0]


def test_an_entry_replaces_its_namesake(objects: Any) -> None:
    """Writing an entry twice leaves the second."""
    flatbuffer.put_entry(objects, "note", b"first")
    flatbuffer.put_entry(objects, "note", b"second")

    again = flatbuffer.unpack(flatbuffer.pack(objects))

    assert flatbuffer.get_entry(again, "note") == b"second"
    assert [entry.name for entry in again.metadata].count(b"note") == 1


@pytest.mark.parametrize("data", [b"", b"TFL3", b"PK\x03\x04 a zip, not a network"])
def test_other_files_are_no_networks(data: bytes) -> None:
    """Bytes without the identifier at their place raise ValueError."""
    with pytest.raises(ValueError, match="TFL3"):
        flatbuffer.unpack(data)
