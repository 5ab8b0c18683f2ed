"""What runtime a quantized file needs: the version of each operator, and the first TensorFlow Lite that has it.

    model from litert-quantizer, all operators at version 1 ──► [stamp] ──► true versions, true lowest runtime

litert-quantizer 0.11.0 changes the types of operators and leaves the versions and the lowest runtime of the float file
in place, so that an int4 file would claim to run on TensorFlow Lite 1.6.

Sources: which version a type needs,
https://github.com/tensorflow/tensorflow/blob/master/tensorflow/lite/tools/versioning/op_version.cc; since when,
https://github.com/tensorflow/tensorflow/blob/master/tensorflow/compiler/mlir/lite/tools/versioning/runtime_version.cc
"""

from __future__ import annotations

from typing import Any

from ai_edge_litert import schema_py_generated as schema

from featherline.tasks.litert import flatbuffer
from featherline.tasks.litert.graph import KERNELS, OPERATOR_NAMES

ENTRY = "min_runtime_version"
ENTRY_BYTES = 16
"""The converter pads the version with zeros to this length."""

TYPES = {schema.TensorType.INT8: "int8", schema.TensorType.INT16: "int16"}
WEIGHTS = {schema.TensorType.INT4: "int4", schema.TensorType.INT8: "int8"}

NEEDED: dict[str, dict[str, tuple[int, str]]] = {
    "ADD": {"int8": (2, "1.14.0"), "int16": (3, "2.4.0")},
    "AVERAGE_POOL_2D": {"int8": (2, "1.14.0"), "int16": (3, "2.3.0")},
    "CONCATENATION": {"int8": (2, "1.14.0"), "int16": (3, "2.3.0")},
    "CONV_2D": {
        "int8": (3, "1.14.0"),
        "int4": (7, "2.11.0"),
        "int16": (4, "2.3.0"),
        "hybrid int8": (5, "2.4.0"),
    },
    "DEPTHWISE_CONV_2D": {"int8": (3, "1.14.0"), "int16": (5, "2.3.0"), "hybrid int8": (6, "2.3.0")},
    "DEQUANTIZE": {
        "int4": (6, "2.18.0"),
        "int8": (2, "1.14.0"),
        "int8 by channel": (5, "2.7.0"),
        "int16": (3, "1.15.0"),
    },
    "FULLY_CONNECTED": {
        "int8": (4, "1.14.0"),
        "int4": (10, "2.11.0"),
        "int16": (7, "2.3.0"),
        "hybrid int8": (12, "2.17.0"),
    },
    "LOGISTIC": {"int8": (2, "1.14.0"), "int16": (3, "2.3.0")},
    "MAX_POOL_2D": {"int8": (2, "1.14.0"), "int16": (3, "2.3.0")},
    "MEAN": {"int8": (2, "1.14.0"), "int16": (3, "2.4.0")},
    "MUL": {"int8": (3, "1.15.0"), "int16": (4, "2.3.0")},
    "PAD": {"int8": (2, "1.14.0"), "int16": (3, "2.4.0")},
    "QUANTIZE": {"int8": (1, "1.14.0"), "int16": (2, "1.15.0")},
    "RELU": {"int8": (2, "2.1.0"), "int16": (3, "2.5.0")},
    "RELU6": {"int8": (2, "1.14.0"), "int16": (3, "2.5.0")},
    "RESHAPE": {"int8": (1, "1.5.0"), "int16": (1, "1.5.0")},
    "SOFTMAX": {"int8": (2, "1.14.0"), "int16": (3, "2.3.0")},
    "SUB": {"int8": (2, "1.14.0"), "int16": (5, "2.4.0")},
    "TANH": {"int8": (2, "1.14.0"), "int16": (3, "2.3.0")},
    "TRANSPOSE_CONV": {"int8": (2, "2.2.0"), "int16": (3, "2.3.0")},
}


def stamp(model: Any) -> None:  # noqa: ANN401 - generated code has no types
    """Set, in a `ModelT`, the version of each operator and the lowest runtime that has them all.

    An operator of float keeps its version. Where an integer operator is not in the table, the lowest runtime is not
    known and is taken out, so that no rule on it can pass.
    """
    codes: dict[tuple[int, int], int] = {}
    made: list[Any] = []
    said = (flatbuffer.get_entry(model, ENTRY) or b"").rstrip(b"\0").decode()
    runtimes: list[str | None] = [said or None]
    for graph in model.subgraphs:
        for operator in graph.operators:
            code = model.operatorCodes[operator.opcodeIndex]
            number = max(code.builtinCode, code.deprecatedBuiltinCode)
            version: int = code.version
            runtime: str | None = said
            kind = _kind(graph, OPERATOR_NAMES[number], operator)
            if kind is not None:
                needed, since = NEEDED.get(OPERATOR_NAMES[number], {}).get(kind, (version, None))
                version, runtime = max(version, needed), since
            runtimes.append(runtime)
            if (number, version) not in codes:
                codes[number, version] = len(made)
                made.append(_with_version(code, version))
            operator.opcodeIndex = codes[number, version]
    model.operatorCodes = made
    model.metadata = [entry for entry in model.metadata or [] if entry.name not in (ENTRY, ENTRY.encode())]
    known = [runtime for runtime in runtimes if runtime]
    if len(known) == len(runtimes):
        highest = max(known, key=lambda text: [int(part) for part in text.split(".")])
        flatbuffer.put_entry(model, ENTRY, highest.encode().ljust(ENTRY_BYTES, b"\0"))


def _kind(graph: Any, name: str, operator: Any) -> str | None:  # noqa: ANN401
    """Return the type that decides about the version, None for an operator of float.

    `hybrid`: integer weights, float in and out. The sources name no version for those of int4, so none is in the table.
    """
    kernel = KERNELS.get(name)
    inputs = [] if operator.inputs is None else [int(place) for place in operator.inputs]
    if kernel is not None:
        weights, made = graph.tensors[inputs[kernel]].type, graph.tensors[operator.outputs[0]].type
        if made == schema.TensorType.FLOAT32 and weights in WEIGHTS:
            return f"hybrid {WEIGHTS[weights]}"
        if weights == schema.TensorType.INT4:
            return "int4"
    if name == "DEQUANTIZE":
        given = graph.tensors[inputs[0]]
        if given.type == schema.TensorType.INT4:
            return "int4"
        if given.type == schema.TensorType.INT8 and len(given.quantization.scale) > 1:
            return "int8 by channel"
    ends = [*inputs, *map(int, operator.outputs)] if name in ("QUANTIZE", "DEQUANTIZE") else inputs
    found = {TYPES[graph.tensors[place].type] for place in ends if place >= 0 and graph.tensors[place].type in TYPES}
    return "int16" if "int16" in found else "int8" if "int8" in found else None


def _with_version(code: Any, version: int) -> Any:  # noqa: ANN401
    copy = schema.OperatorCodeT()
    copy.builtinCode, copy.deprecatedBuiltinCode = code.builtinCode, code.deprecatedBuiltinCode
    copy.customCode, copy.version = code.customCode, version
    return copy
