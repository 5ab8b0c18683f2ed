"""From the configuration that Keras 3 writes to that of tf_keras (Keras 2), which all later steps need.

The weights need no translation: both number the variables of a layer alike.
"""

from __future__ import annotations

import inspect
from typing import Any

from tasks.contracts.refusal import Problem, Refused, refuse
from tasks.framework import keras

RENAMED = {("InputLayer", "batch_shape"): "batch_input_shape", ("LeakyReLU", "negative_slope"): "alpha"}
ABSENT = {
    "quantization_config": (None,),
    "synchronized": (False,),
    "lora_rank": (None,),
    "lora_alpha": (None,),
    "gptq_unpacked_column_size": (None,),
    "optional": (False,),
    "renorm": (False,),
    "renorm_clipping": (None,),
    "renorm_momentum": (0.99,),
}
"""Keys that tf_keras does not know, and the values with which they mean nothing."""


def translate(config: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a cleaned configuration of Keras 3 as one of tf_keras.

    Args:
        config: Of a functional or sequential model, already harmless.
        name: Of the file, for messages.

    Raises:
        Refused: It has a nested model, or a setting that tf_keras does not have.
    """
    inside = config["config"]
    problems: list[Problem] = []
    layers = [_layer(layer, name, problems) for layer in inside["layers"]]
    if problems:
        raise Refused(*problems)
    ends = {key: _ends(inside[key]) for key in ("input_layers", "output_layers") if key in inside}
    return {"class_name": config["class_name"], "config": {"name": inside.get("name"), "layers": layers, **ends}}


def _layer(layer: dict[str, Any], name: str, problems: list[Problem]) -> dict[str, Any]:
    kind, own = layer["class_name"], layer["config"].get("name", "")
    if kind in {"Functional", "Sequential", "Model"}:
        problems.append(_untold(name, f"the nested model {own}"))
        return layer
    signature = inspect.signature(getattr(keras.layers, kind).__init__).parameters
    known = set(signature) | {"name", "trainable", "dtype", "batch_input_shape"}
    settings = {}
    for key, value in layer["config"].items():
        new = RENAMED.get((kind, key), key)
        if new in known:
            settings[new] = value
        elif value not in ABSENT.get(key, ()):
            problems.append(_untold(name, f"{key}={value!r} of the layer {own}"))
    if "kernel_initializer" in settings or "depthwise_initializer" in settings:
        settings = {key: value for key, value in settings.items() if not key.endswith("_initializer")}
    told = {"class_name": kind, "config": settings}
    return told if "inbound_nodes" not in layer else told | {"name": own, "inbound_nodes": _nodes(layer, name)}


def _nodes(layer: dict[str, Any], name: str) -> list[list[list[Any]]]:
    """Return each call of a layer as the list of what it was called with: [layer, node, tensor, {}]."""
    nodes = []
    for node in layer["inbound_nodes"]:
        tensors = _histories(node["args"])
        if not tensors or _histories(node["kwargs"]):
            raise Refused(_untold(name, f"the way in which {layer['config'].get('name')} is called"))
        nodes.append([[*history, {}] for history in tensors])
    return nodes


def _histories(value: Any) -> list[list[Any]]:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            return [list(value["config"]["keras_history"])]
        return [history for item in value.values() for history in _histories(item)]
    return [history for item in value for history in _histories(item)] if isinstance(value, list | tuple) else []


def _ends(value: list[Any]) -> list[list[Any]]:
    """Return the ends of a model as a list of them, where Keras 3 leaves the list away for a single one."""
    return [value] if value and isinstance(value[0], str) else value


def _untold(name: str, what: str) -> Problem:
    return refuse(
        f"{name} was saved by Keras 3 and has no equal in tf_keras (Keras 2)",
        expected="a model of layers and settings that both have",
        got=what,
        fix="build and save the model with tf_keras, or name its builder in model.builder as module:function",
    ).problems[0]
