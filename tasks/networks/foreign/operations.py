"""How layers and operations are called in Keras 3, and the same calls in tf_keras.

{"args": [tensor, 0.5], "kwargs": {}}   of ops.Multiply ──► ["layer", 0, 0, {"y": 0.5}] of a TFOpLambda
{"args": [[tensor, tensor]], …}         of a layer      ──► [["layer", 0, 0, {}], ["layer", 0, 0, {}]]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

BINARY = {
    "Add": "math.add",
    "Subtract": "math.subtract",
    "Multiply": "math.multiply",
    "Divide": "math.truediv",
    "TrueDivide": "math.truediv",
    "Maximum": "math.maximum",
    "Minimum": "math.minimum",
}
UNARY = {
    "Negative": "math.negative",
    "Absolute": "math.abs",
    "Abs": "math.abs",
    "Square": "math.square",
    "Sqrt": "math.sqrt",
    "Exp": "math.exp",
    "Relu": "nn.relu",
    "Relu6": "nn.relu6",
    "Sigmoid": "math.sigmoid",
    "Tanh": "math.tanh",
    "Silu": "nn.silu",
    "Elu": "nn.elu",
    "Softplus": "math.softplus",
    "Softmax": "nn.softmax",
}
FUNCTIONS = {"HardSigmoid": "hard_sigmoid_keras3", "HardSilu": "hard_silu_keras3"}
NEUTRAL = {"alpha": 1.0, "axis": -1}
"""Settings of operations, and the value with which the one of TensorFlow does the same."""

QUERIES = ("query", "value", "key")
"""What a MultiHeadAttention is called with, in this order or by name."""


@dataclass(frozen=True)
class Calls:
    """The calls in one model.

    Attributes:
        first: The number that tf_keras gives to the first call of each layer; Keras 3 begins with 0.
    """

    first: dict[str, int]

    def moved(self, history: list[Any]) -> list[Any]:
        """Return `[layer, node, tensor]` of Keras 3 as tf_keras counts."""
        name, node, tensor = history
        return [name, node + self.first.get(name, 0), tensor]

    def tensor(self, value: Any) -> list[Any]:  # noqa: ANN401
        """Return a tensor that something is called with. Raises `LookupError` where it is none."""
        if not isinstance(value, dict) or "tensor" not in value:
            kind = value.get("unknown", "a mapping") if isinstance(value, dict) else repr(value)[:40]
            message = f"called with {kind}"
            raise LookupError(message)
        return self.moved(value["tensor"])


def call_of(kind: str, node: dict[str, Any], calls: Calls) -> list[Any]:
    """Return one call of a layer or model. Raises `LookupError` where tf_keras has no such call."""
    args = [arg for arg in node["args"] if arg is not None]
    named = {
        key: value
        for key, value in node["kwargs"].items()
        if key != "training" and value is not None and value is not False
    }
    if kind == "MultiHeadAttention":
        given = dict(zip(QUERIES, args, strict=False)) | named
        causal = {"use_causal_mask": True} if given.pop("use_causal_mask", False) is True else {}
        if set(given) - set(QUERIES) or len(args) > len(QUERIES) or "query" not in given:
            message = f"called with {', '.join(sorted(given))}"
            raise LookupError(message)
        others = {key: calls.tensor(given[key]) for key in QUERIES[1:] if key in given}
        return [[*calls.tensor(given["query"]), others | causal]]
    if not args and len(named) == 1:
        args, named = list(named.values()), {}
    if named or len(args) != 1:
        message = f"called with {', '.join(sorted(named)) or f'{len(args)} arguments'}"
        raise LookupError(message)
    tensors = args[0] if isinstance(args[0], list) else [args[0]]
    return [[*calls.tensor(tensor), {}] for tensor in tensors]


def operation(layer: dict[str, Any], calls: Calls) -> dict[str, Any]:
    """Return an operation of Keras 3 as a layer of tf_keras. Raises `LookupError` where there is no such layer."""
    kind, name = layer["class_name"].removeprefix("ops."), layer["name"]
    for key, value in layer["config"].items():
        if key != "name" and value != NEUTRAL.get(key):
            message = f"{key}={value!r}"
            raise LookupError(message)
    if kind in FUNCTIONS:
        config = {"name": name, "dtype": "float32", "activation": FUNCTIONS[kind]}
        nodes = [call_of(kind, node, calls) for node in layer["inbound_nodes"]]
        return {"class_name": "Activation", "config": config, "name": name, "inbound_nodes": nodes}
    symbol = BINARY.get(kind) or UNARY[kind]
    # a TFOpLambda is called with a tensor, where other layers are called with a list of them
    nodes = [
        _of_two(node, calls) if kind in BINARY else call_of(kind, node, calls)[0] for node in layer["inbound_nodes"]
    ]
    config = {"name": name, "trainable": True, "dtype": "float32", "function": symbol}
    return {"class_name": "TFOpLambda", "config": config, "name": name, "inbound_nodes": nodes}


def _of_two(node: dict[str, Any], calls: Calls) -> list[Any]:
    given = dict(zip(("x1", "x2"), node["args"], strict=False)) | node["kwargs"]
    if set(given) != {"x1", "x2"}:
        message = f"called with {', '.join(sorted(given))}"
        raise LookupError(message)
    first, second = given["x1"], given["x2"]
    other = {"y": float(second) if _is_number(second) else calls.tensor(second)}
    return ["_CONSTANT_VALUE", -1, float(first), other] if _is_number(first) else [*calls.tensor(first), other]


def _is_number(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, int | float) and not isinstance(value, bool)
