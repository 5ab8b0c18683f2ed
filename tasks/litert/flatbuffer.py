"""The `.tflite` file as objects, and back to bytes, as small as the same content can be.

    bytes ──► unpack ──► objects ──► compact ──► pack ──► bytes

Packing keeps the 16-byte alignment of weights that runtimes on devices rely on (the schema asks for it, and the Python
code generated from the schema forgets it), and writes vectors that are equal once: every channel's zero point is eight
bytes of nothing, which is a third of a small int8 file.
"""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

IDENTIFIER = b"TFL3"
WEIGHT_ALIGNMENT_BYTES = 16
"""`force_align: 16` of `Buffer.data`, https://github.com/tensorflow/tensorflow/blob/master/tensorflow/compiler/mlir/lite/schema/schema.fbs"""

KEPT_METADATA = ("min_runtime_version",)
"""What of the converter's own metadata is worth its bytes; versions are in ours."""


def unpack(data: bytes) -> Any:  # noqa: ANN401 - generated code has no types
    """Return the file as a `ModelT`, its weights inside it.

    Some writers put weights after the flatbuffer and refer to them by offset, which TensorFlow Lite Micro does not
    read: it computes with empty weights and says nothing. Here they come back inside.

    Raises:
        ValueError: `data` is no `.tflite` file.
    """
    if not schema.Model.ModelBufferHasIdentifier(data, 0):
        message = f"a .tflite file has {IDENTIFIER!r} at byte 4, got {data[4:8]!r}"
        raise ValueError(message)
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(data, 0))
    for buffer in model.buffers:
        if buffer.offset > 1:
            buffer.data = np.frombuffer(data, np.uint8, buffer.size, buffer.offset)
        buffer.offset = buffer.size = 0
    return model


def pack(model: Any) -> bytes:  # noqa: ANN401 - generated code has no types
    """Return a `ModelT` as the bytes of a `.tflite` file. Equal models give equal bytes."""
    builder = _SharingBuilder(1 << 16)
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())


def compact(model: Any) -> None:  # noqa: ANN401 - generated code has no types
    """Take out of a `ModelT`, in place, what no runtime reads.

    Names of inner tensors go, inputs and outputs are called as in the signature, equal weights and empty buffers become
    one, and of the converter's metadata only the lowest runtime version stays. What the file computes does not change.
    """
    model.metadata = [entry for entry in model.metadata or [] if _text(entry.name) in KEPT_METADATA]
    kept = [schema.BufferT()]
    places: dict[bytes, int] = {b"": 0}

    def place(index: int) -> int:
        data = model.buffers[index].data
        content = b"" if data is None else data.tobytes()
        if content not in places:
            places[content] = len(kept)
            kept.append(model.buffers[index])
        return places[content]

    for graph in model.subgraphs:
        names = _signature_names(model) or {
            place: graph.tensors[place].name for place in (*graph.inputs, *graph.outputs)
        }
        for index, tensor in enumerate(graph.tensors):
            tensor.buffer = place(tensor.buffer)
            tensor.name = names.get(index)
    for entry in model.metadata:
        entry.buffer = place(entry.buffer)
    model.buffers = kept
    model.metadataBuffer = None


def put_entry(model: Any, name: str, content: bytes) -> None:  # noqa: ANN401 - generated code has no types
    """Add a metadata entry to a `ModelT`, in place of one of the same name."""
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(content, np.uint8)
    model.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name = name
    entry.buffer = len(model.buffers) - 1
    model.metadata = [old for old in model.metadata or [] if _text(old.name) != name] + [entry]


def get_entry(model: Any, name: str) -> bytes | None:  # noqa: ANN401 - generated code has no types
    """Return what a `ModelT` says under a metadata name, or None."""
    for entry in model.metadata or []:
        if _text(entry.name) == name:
            data = model.buffers[entry.buffer].data
            return b"" if data is None else bytes(data.tobytes())
    return None


def _signature_names(model: Any) -> dict[int, bytes | str]:  # noqa: ANN401 - generated code has no types
    """Return the names of inputs and outputs by the places of their tensors; none where there is no signature."""
    return {
        end.tensorIndex: end.name
        for signature in (model.signatureDefs or [])[:1]
        for end in (*signature.inputs, *signature.outputs)
    }


def _text(name: bytes | str | None) -> str:
    return name.decode() if isinstance(name, bytes) else name or ""


class _SharingBuilder(flatbuffers.Builder):
    """Writes equal vectors and strings once, and weights on 16 bytes."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.written: dict[tuple[str, bytes], int] = {}

    def CreateNumpyVector(self, x: NDArray[Any]) -> int:  # noqa: N802 - the name that generated code calls
        payload = x.astype(x.dtype.newbyteorder("<")).tobytes()
        key = (x.dtype.str, payload)
        if key not in self.written:
            alignment = WEIGHT_ALIGNMENT_BYTES if x.dtype == np.uint8 else x.dtype.alignment
            self.StartVector(x.itemsize, x.size, alignment)
            self.head -= len(payload)
            self.Bytes[self.head : self.head + len(payload)] = payload
            self.vectorNumElems = x.size
            self.written[key] = self.EndVector()
        return self.written[key]

    def CreateString(self, s: str | bytes, encoding: str = "utf-8", errors: str = "strict") -> int:  # noqa: N802 - the same
        key = ("string", s if isinstance(s, bytes) else s.encode(encoding, errors))
        if key not in self.written:
            self.written[key] = super().CreateString(s, encoding, errors)
        return self.written[key]
