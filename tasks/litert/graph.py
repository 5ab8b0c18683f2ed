"""The network inside a `.tflite` file, as plain values to count and measure.

    bytes ──► read_graph ──► Graph: tensors, operators in the order in which they run

Nothing here runs the file; `featherline.tasks.litert.interpreter` does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.litert import flatbuffer

OPERATOR_NAMES: dict[int, str] = {
    code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)
}
DTYPES: dict[int, np.dtype[Any]] = {
    code: np.dtype(name.lower() if name != "BOOL" else "bool")
    for name, code in vars(schema.TensorType).items()
    if name in {"FLOAT64", "FLOAT32", "FLOAT16", "INT64", "INT32", "INT16", "INT8", "UINT32", "UINT16", "UINT8", "BOOL"}
} | {schema.TensorType.INT4: np.dtype("int8")}
"""How the numbers of a tensor are given here; int4 has no type of its own in NumPy."""

INT4_BITS = 4
KERNELS = {"CONV_2D": 1, "DEPTHWISE_CONV_2D": 1, "FULLY_CONNECTED": 1, "TRANSPOSE_CONV": 1}
"""Which input of an operator is its kernel."""

BIASES = {"CONV_2D": 2, "DEPTHWISE_CONV_2D": 2, "FULLY_CONNECTED": 2, "TRANSPOSE_CONV": 3}
RECURRENT: dict[str, tuple[int, ...]] = {
    "LSTM": (*range(1, 9), 16),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": (*range(1, 9), 16),
    "BIDIRECTIONAL_SEQUENCE_LSTM": (*range(1, 9), 16, *range(18, 26), 33, *range(40, 44), *range(44, 48)),
    "RNN": (1, 2),
    "UNIDIRECTIONAL_SEQUENCE_RNN": (1, 2),
    "BIDIRECTIONAL_SEQUENCE_RNN": (1, 2, 5, 6, 10, 11),
    "SVDF": (1, 2),
}
"""Which inputs of a recurrent operator are matrices that each step is multiplied by; absent ones are -1.

Source: https://github.com/tensorflow/tensorflow/tree/v2.21.0/tensorflow/lite/kernels (`lstm_shared.h`,
`bidirectional_sequence_lstm.cc`, `basic_rnn.cc`, `bidirectional_sequence_rnn.cc`, `svdf.cc`)
"""

TABLES = {"BATCH_MATMUL": (0, 1), "CONV_3D": (1,), "EMBEDDING_LOOKUP": (1,), "GATHER": (0,)}
"""Which inputs of other operators are learned where they are constant numbers: matrices, and tables of embeddings."""

ELEMENTWISE = {"ADD", "SUB", "MUL", "DIV", "PRELU"}
"""Operators whose constant operands are parameters too, such as those of a normalisation that was not folded."""


@dataclass(frozen=True)
class Tensor:
    """A value between operators.

    Attributes:
        name: Empty for inner tensors of our own files.
        shape: As in the file.
        dtype: How it is given here.
        constant: Its values in its shape, None where it is computed.
        scale: (1,) or (channels,), empty where it is not quantized.
        zero_point: As `scale`.
        int4: Whether the file holds it as int4, which is given as int8.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    constant: NDArray[Any] | None
    scale: NDArray[np.float32]
    zero_point: NDArray[np.int64]
    int4: bool = False

    @property
    def bits(self) -> int:
        """Return the bits of one value in the file."""
        return INT4_BITS if self.int4 else 8 * self.dtype.itemsize

    @property
    def size_bytes(self) -> int:
        """Return the bytes of its values."""
        return -(-int(np.prod(self.shape, dtype=np.int64)) * self.bits // 8)


@dataclass(frozen=True)
class Operator:
    """One operator: its name as in the schema, and the places of its tensors; -1 is an absent one."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class Graph:
    """A network with one subgraph."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    minimum_runtime: str | None
    """The lowest TensorFlow Lite runtime that has every operator version, as the converter wrote it."""

    def kernels(self) -> list[tuple[Operator, Tensor]]:
        """Return each operator that multiplies by a kernel, with the constant kernel as the file holds it."""
        found = ((operator, self.operand(operator, KERNELS.get(operator.name, -1))) for operator in self.operators)
        return [(operator, tensor) for operator, tensor in found if tensor is not None]

    def weights(self) -> list[Tensor]:
        """Return each constant that inputs are multiplied by or looked up in, once: kernels, matrices, embeddings."""
        found = {id(kernel): kernel for _, kernel in self.kernels()}
        for operator in self.operators:
            places = RECURRENT.get(operator.name, ()) + TABLES.get(operator.name, ())
            found |= {id(tensor): tensor for tensor in self._learned(operator, places)}
        return list(found.values())

    def parameters(self) -> list[Tensor]:
        """Return each constant that was learned, once: weights, biases, constants of elementwise operators."""
        found: dict[int, Tensor] = {}
        for operator in self.operators:
            places = [KERNELS[operator.name], BIASES[operator.name]] if operator.name in KERNELS else []
            places += range(len(operator.inputs)) if operator.name in ELEMENTWISE else []
            for place in places:
                tensor = self.operand(operator, place)
                if tensor is not None:
                    found[id(tensor)] = tensor
            whole = range(len(operator.inputs)) if operator.name in RECURRENT else TABLES.get(operator.name, ())
            found |= {id(tensor): tensor for tensor in self._learned(operator, whole)}
        return list(found.values())

    def _learned(self, operator: Operator, places: Iterable[int]) -> list[Tensor]:
        """Return the constant numbers at these inputs: floats, or integers with a scale."""
        operands = (self.operand(operator, place) for place in places)
        return [one for one in operands if one is not None and (one.dtype.kind == "f" or one.scale.size)]

    def operand(self, operator: Operator, place: int) -> Tensor | None:
        """Return the constant at an input of an operator, looking through DEQUANTIZE; None where it is computed."""
        if not 0 <= place < len(operator.inputs) or operator.inputs[place] < 0:
            return None
        tensor = self.tensors[self._behind(operator.inputs[place])]
        return tensor if tensor.constant is not None else None

    def computed(self, index: int) -> bool:
        """Return whether a tensor depends on the input: it is neither absent, nor constant, nor a widened constant."""
        return index >= 0 and self.tensors[self._behind(index)].constant is None

    def _behind(self, index: int) -> int:
        """Return the tensor that DEQUANTIZE makes this one from, or the tensor itself."""
        makers = [maker for maker in self.operators if maker.name == "DEQUANTIZE" and index in maker.outputs]
        return makers[0].inputs[0] if makers else index


def read_graph(data: bytes) -> Graph:
    """Return the network of a `.tflite` file.

    Raises:
        Refused: The file has control flow, or holds numbers of a type that is not measured here (such as int2).
        ValueError: `data` is no `.tflite` file.
    """
    model = flatbuffer.unpack(data)
    if len(model.subgraphs) != 1:
        raise refuse(
            "the network has control flow",
            expected="one subgraph",
            got=f"{len(model.subgraphs)} subgraphs",
            fix="write the model without loops and branches",
        )
    graph = model.subgraphs[0]
    version = flatbuffer.get_entry(model, "min_runtime_version")
    return Graph(
        tensors=tuple(_tensor(model, tensor) for tensor in graph.tensors),
        operators=tuple(_operator(model, operator) for operator in graph.operators),
        inputs=tuple(map(int, graph.inputs)),
        outputs=tuple(map(int, graph.outputs)),
        minimum_runtime=(version or b"").rstrip(b"\0").decode() or None,
    )


def _operator(model: Any, operator: Any) -> Operator:  # noqa: ANN401 - generated code has no types
    code = model.operatorCodes[operator.opcodeIndex]
    name = OPERATOR_NAMES[max(code.builtinCode, code.deprecatedBuiltinCode)]
    inputs = () if operator.inputs is None else tuple(map(int, operator.inputs))
    return Operator(name, inputs, tuple(map(int, operator.outputs)))


def _tensor(model: Any, tensor: Any) -> Tensor:  # noqa: ANN401 - generated code has no types
    if tensor.type not in DTYPES:
        known = {code: name for name, code in vars(schema.TensorType).items() if isinstance(code, int)}
        raise refuse(
            "a tensor of the network cannot be measured",
            expected=", ".join(sorted(map(str, DTYPES.values()))),
            got=known.get(tensor.type, str(tensor.type)),
            fix="export with another scheme",
        )
    shape = () if tensor.shape is None else tuple(map(int, tensor.shape))
    dtype = DTYPES[tensor.type]
    data = model.buffers[tensor.buffer].data
    quantization = tensor.quantization
    scale = None if quantization is None else quantization.scale
    zero_point = None if quantization is None else quantization.zeroPoint
    return Tensor(
        name=(tensor.name or b"").decode(),
        shape=shape,
        dtype=dtype,
        constant=None if data is None or len(data) == 0 else _values(data.tobytes(), tensor.type, shape),
        scale=np.zeros(0, np.float32) if scale is None else scale,
        zero_point=np.zeros(0, np.int64) if zero_point is None else zero_point,
        int4=tensor.type == schema.TensorType.INT4,
    )


def _values(data: bytes, kind: int, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return the values of a constant; two int4 share a byte, the first in its lower half."""
    if kind != schema.TensorType.INT4:
        return np.frombuffer(data, DTYPES[kind]).reshape(shape)
    packed = np.frombuffer(data, np.int8)
    halves = np.stack([packed << INT4_BITS >> INT4_BITS, packed >> INT4_BITS], axis=1)
    return halves.ravel()[: int(np.prod(shape, dtype=np.int64))].reshape(shape)
