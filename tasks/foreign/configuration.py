"""The configuration of a foreign model, made harmless: every name in it can only mean a layer of Keras itself.

Keras imports whatever module a configuration names and calls what it finds there, so modules are taken out; what is
left is looked up among Keras' own layers, initialisers, regularisers, constraints and activations. What is none of
them is refused before anything is built.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from tasks.contracts.refusal import Problem, Refused, did_you_mean, examples
from tasks.framework import keras

MODELS = {"Functional", "Sequential", "Model"}
"""Kinds of model that a configuration rebuilds."""

CODE = {"Lambda", "TFOpLambda", "SlicingOpLambda", "ClassMethod", "InstanceMethod", "InstanceProperty", "__lambda__"}
"""Layers that call a function which the file names or holds."""

LAYERS = {name for name, item in inspect.getmembers(keras.layers, inspect.isclass) if name not in CODE}
PIECES = {name for module in (keras.initializers, keras.regularizers, keras.constraints) for name in vars(module)} | {
    "Policy",
    "DTypePolicy",
}
VALUES = {"__tuple__", "function", "TensorShape", "__keras_tensor__"}
DROPPED = {"module", "registered_name", "build_config", "compile_config", "shared_object_id"}


def harmless(config: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the configuration without modules, so that it can only name what Keras has.

    Args:
        config: `{"class_name": ..., "config": {...}}`.
        name: Of the file, for messages.

    Raises:
        Refused: The model is a subclass, or has a layer with code, or one that Keras does not have.
    """
    kind = config.get("class_name")
    if kind not in MODELS or not isinstance(config.get("config"), dict) or "layers" not in config["config"]:
        raise Refused(
            Problem(
                f"{name} holds a model that cannot be rebuilt without its code",
                "a functional or sequential model",
                f"a model of the class {kind}",
                "rebuild it with the functional API, or name its builder in model.builder as module:function",
            )
        )
    problems = list(_problems(config, name))
    if problems:
        raise Refused(*problems)
    cleaned: dict[str, Any] = _clean(config)
    return cleaned


def _problems(config: dict[str, Any], name: str) -> Iterator[Problem]:
    """Yield a problem for each kind of object that is not Keras' own."""
    met: dict[str, list[str]] = {}
    for kind, where in _objects(config, "the model"):
        met.setdefault(kind, []).append(where)
    for kind, places in sorted(met.items()):
        if kind in CODE:
            yield Problem(
                f"{name} has a layer that holds code",
                "layers without code: a model file from outside is never run",
                f"{kind}: {examples(places)}",
                "replace it by layers of Keras, or name the builder of the model in model.builder as module:function",
            )
        elif kind not in LAYERS | PIECES | VALUES | MODELS:
            yield Problem(
                f"{name} has a layer that Keras does not have",
                "layers, initialisers, regularisers and constraints of tf_keras",
                f"{kind}: {examples(places)}",
                f"{did_you_mean(kind, LAYERS)} "
                if did_you_mean(kind, LAYERS).startswith("did")
                else "name the builder of the model in model.builder as module:function",
            )


def _objects(value: Any, where: str) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - JSON
    """Yield every class that a configuration names, and the name of the layer that it is in."""
    if isinstance(value, list | tuple):
        for item in value:
            yield from _objects(item, where)
    elif isinstance(value, dict):
        inner = value.get("config")
        own = value.get("name") or (inner.get("name") if isinstance(inner, dict) else None)
        where = str(own) if own else where
        if "class_name" in value:
            yield str(value["class_name"]), where
        if value.get("class_name") == "function" and inner not in vars(keras.activations):
            yield str(inner), where
        for item in value.values():
            yield from _objects(item, where)


def _clean(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if not isinstance(value, dict):
        return value
    kind = value.get("class_name")
    if kind in {"__tuple__", "TensorShape"}:
        return tuple(_clean(item) for item in value["items"])
    if kind == "function":
        return value["config"]
    if kind in {"Policy", "DTypePolicy"}:
        return value["config"]["name"]
    return {key: _clean(item) for key, item in value.items() if key not in DROPPED}
