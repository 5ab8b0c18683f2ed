"""From the configuration that Keras 3 writes to that of tf_keras (Keras 2), which all later steps need.

    Functional, Sequential, also inside one another ──► the same, every layer by the same name
    operation (`x * 0.5`)                           ──► TFOpLambda
    activation by a name that means another function ──► that of `featherline.tasks.networks.foreign.activations`

The weights need no translation: both number the variables of a layer alike. What says when a layer trains is left out,
as Keras 3 itself asks the whole model's `training` and none that a file holds.
"""

from __future__ import annotations

import inspect
from typing import Any

from featherline.tasks.contracts.refusal import Problem, Refused, refuse
from featherline.tasks.networks.foreign.activations import RENAMED as FUNCTIONS
from featherline.tasks.networks.foreign.allowed import MODELS, WRAPPERS
from featherline.tasks.networks.foreign.operations import Calls, call_of, operation
from featherline.tasks.networks.framework import keras

RENAMED = {("InputLayer", "batch_shape"): "batch_input_shape", ("LeakyReLU", "negative_slope"): "alpha"}
ANY = object()
ABSENT: dict[str, tuple[Any, ...]] = {
    "quantization_config": (None,),
    "synchronized": (False,),
    "lora_rank": (None,),
    "lora_alpha": (None,),
    "gptq_unpacked_column_size": (None,),
    "optional": (False,),
    "renorm": (False,),
    "renorm_clipping": (None,),
    "renorm_momentum": (0.99,),
    "rms_scaling": (False,),
    "data_format": ("channels_last", None),
    "value_range": ([0, 255], [0.0, 255.0]),
    "pad_to_aspect_ratio": (False,),
    "antialias": (False,),
    "zero_output_for_mask": (False,),
    "sliding_window": (None,),
    "use_gate": (False,),
    "fill_mode": ("constant",),
    "fill_value": (0, 0.0),
    "use_cudnn": (ANY,),
    "flash_attention": (ANY,),
    "seed": (ANY,),
    "batch_size": (ANY,),
}
"""Keys that the layer of tf_keras does not know, and the values with which they mean nothing: how it is computed, or
what the layer of tf_keras does anyway."""

UNEQUAL = {"RandomCrop"}
"""Layers that do something else than those of tf_keras by the same name."""

RECURRENT = {kind: {"zero_output_for_mask"} for kind in ("LSTM", "GRU", "SimpleRNN")}
"""Settings that a layer of tf_keras takes without naming them."""

QUERY_SHAPES = ("query_shape", "key_shape", "value_shape")


def translate(config: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a harmless configuration of Keras 3 as one of tf_keras.

    Args:
        config: Of a functional or sequential model, as `harmless` gives it.
        name: Of the file, for messages.

    Raises:
        Refused: It has a layer, a setting or a call that tf_keras does not have.
    """
    translator = _Translator(name)
    model = translator.model(config)
    if translator.problems:
        raise Refused(*translator.problems)
    return model


class _Translator:
    def __init__(self, name: str) -> None:
        self.name = name
        self.problems: list[Problem] = []

    def model(self, config: dict[str, Any]) -> dict[str, Any]:
        inside = dict(config["config"])
        layers = list(inside["layers"])
        first = inside.pop("build_input_shape", None)
        if config["class_name"] == "Sequential" and layers[0]["class_name"] != "InputLayer" and first:
            layers.insert(0, {"class_name": "InputLayer", "config": {"batch_shape": first}})
        ends = ("input_layers", "output_layers")
        calls = Calls({layer["name"]: _first_call(layer) for layer in layers if "name" in layer})
        inside["layers"] = [self.layer(layer, calls) for layer in layers]
        models = {layer["name"] for layer in layers if layer["class_name"] == "Functional" and "name" in layer}
        for key in set(ends) & set(inside):  # here, and here alone, Keras 3 too counts the input of a functional model
            inside[key] = [end if end[0] in models else calls.moved(end) for end in _ends(inside[key])]
        return {"class_name": config["class_name"], "config": inside}

    def layer(self, layer: dict[str, Any], calls: Calls) -> dict[str, Any]:
        kind, own = layer["class_name"], str(layer["config"].get("name", layer["class_name"]))
        try:
            if kind.startswith("ops."):
                return operation(layer, calls)
            told = self.model(layer) if kind in MODELS else self._settings(kind, layer["config"], own)
            if "inbound_nodes" in layer:
                nodes = [call_of(kind, node, calls) for node in layer["inbound_nodes"]]
                told |= {"name": layer["name"], "inbound_nodes": nodes}
        except LookupError as error:
            self.problems.append(_untold(self.name, f"{kind.removeprefix('ops.')} {own}, {error.args[0]}"))
            return layer
        return told

    def _settings(self, kind: str, config: dict[str, Any], own: str) -> dict[str, Any]:
        if kind in UNEQUAL:
            self.problems.append(_untold(self.name, f"{kind} {own}"))
        known = _known(kind)
        settings: dict[str, Any] = {}
        for key, value in config.items():
            new = RENAMED.get((kind, key), key)
            absent = ABSENT.get(key, ())
            if key.endswith("_initializer"):
                continue  # each is loaded over
            if key in WRAPPERS.get(kind, ()):
                settings[key] = self.layer(value, Calls({}))
            elif key.rpartition("_")[2] == "activation":
                settings[key] = self._activation(value)
            elif new in known:
                settings[new] = value
            elif value not in absent and ANY not in absent:
                self.problems.append(_untold(self.name, f"{key}={value!r} of the layer {own}"))
        if kind == "MultiHeadAttention":
            settings |= dict.fromkeys(QUERY_SHAPES)  # which tf_keras looks up, and learns when the layer is called
        return {"class_name": kind, "config": settings}

    def _activation(self, value: Any) -> Any:  # noqa: ANN401 - a name, a layer or None
        if isinstance(value, dict):
            return self._settings(value["class_name"], value["config"], str(value["config"].get("name")))
        return FUNCTIONS.get(value, value)


def _known(kind: str) -> set[str]:
    """Return the arguments of a layer of tf_keras and of the types that it is made of."""
    known = {"name", "trainable", "dtype", "batch_input_shape"} | RECURRENT.get(kind, set())
    for one in getattr(keras.layers, kind).__mro__:
        parameters = inspect.signature(one.__init__).parameters
        known |= set(parameters)
        if not any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values()):
            break
    return known - {"self", "args", "kwargs"}


def _first_call(layer: dict[str, Any]) -> int:
    """Return the number that tf_keras gives to the first call: a model with an input of its own counts that as one."""
    return int(layer["class_name"] in MODELS)


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
