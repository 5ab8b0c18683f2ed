"""The configuration of a foreign model, made harmless: a name in it can only mean what `foreign.allowed` lists.

    model ──► layers ──► settings: number, text, list; initialiser, regulariser, constraint, activation, type by its key
                    └──► calls: [layer, node, tensor, {arguments}], of Keras 3 {"args": …, "kwargs": …}

Keras imports whatever module a configuration names and calls what it finds there, so modules are taken out, and what a
name stands for is decided by where it stands. What is not understood is refused before anything is built.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from featherline.tasks.contracts.refusal import Problem, Refused, did_you_mean, examples, refuse
from featherline.tasks.networks.foreign import allowed
from featherline.tasks.networks.foreign.graph import MOST_CALLS, check_calls
from featherline.tasks.networks.foreign.settings import Found, plain, settings

NAMED = "name the builder of the model in model.builder as module:function"


def harmless(
    config: Any,  # noqa: ANN401 - JSON
    name: str,
    *,
    of_keras_3: bool = False,
    quantized: bool = False,
) -> dict[str, Any]:
    """Return the configuration without modules, so that it can only name what is allowed.

    Args:
        config: `{"class_name": ..., "config": {...}}`, or whatever a file has there.
        name: Of the file, for messages.
        of_keras_3: Keras 3 wrote it. It stays one of Keras 3; its operations are called `ops.Add` and so on.
        quantized: The wrappers of TFMOT are allowed.

    Raises:
        Refused: The model is a subclass, has a layer with code or one that is not read, or is no model at all.
    """
    kind = config.get("class_name") if isinstance(config, dict) else type(config).__name__
    inside = config.get("config") if isinstance(config, dict) else None
    if kind not in allowed.MODELS or not isinstance(inside, dict) or "layers" not in inside:
        raise Refused(
            Problem(
                f"{name} holds a model that cannot be rebuilt without its code",
                "a functional or sequential model",
                f"a model of the class {kind}"[:200],
                f"rebuild it with the functional API, or {NAMED}",
            )
        )
    reader = _Reader(of_keras_3=of_keras_3, quantized=quantized)
    try:
        clean = reader.model(config, "the model")
        if reader.found:
            raise Refused(*_problems(reader.found, name))
        if not of_keras_3:
            check_calls(clean)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise refuse(
            f"{name} cannot be read",
            expected="a configuration as Keras writes it",
            got=f"{error}"[:300] or type(error).__name__,
            fix="copy the file again, or save the model anew",
        ) from error
    return clean


def _problems(found: list[Found], name: str) -> Iterator[Problem]:
    """Yield a problem for each kind of object that is not allowed."""
    places: dict[str, list[str]] = {}
    for kind, where in found:
        places.setdefault(kind, []).append(where)
    for kind, layers in sorted(places.items()):
        got = f"{kind[:100]}: {examples(layers)}"
        if kind in allowed.CODE or kind.startswith(("TFOpLambda of", "SlicingOpLambda of")):
            yield Problem(
                f"{name} has a layer that holds code",
                "layers without code: a model file from outside is never run",
                got,
                f"replace it by layers of Keras, or {NAMED}",
            )
        elif kind in allowed.READS_FILES:
            yield Problem(
                f"{name} has a layer that is not read",
                "layers that compute with numbers: those of words and tables may read other files",
                got,
                f"take it out of the model, or {NAMED}",
            )
        elif kind.startswith("ops."):
            yield Problem(
                f"{name} was saved by Keras 3 and has an operation that is not translated",
                f"one of {', '.join(sorted(allowed.OPERATIONS_OF_KERAS_3))}",
                got,
                f"write it as a layer of Keras, or {NAMED}",
            )
        else:
            meant = did_you_mean(kind, allowed.LAYERS)
            yield Problem(
                f"{name} has a layer that Keras does not have, or that is not read",
                "layers, initialisers, regularisers, constraints and activations of tf_keras",
                got,
                f"{meant} Or {NAMED}" if meant.startswith("did") else NAMED,
            )


class _Reader:
    def __init__(self, *, of_keras_3: bool, quantized: bool) -> None:
        self.of_keras_3 = of_keras_3
        self.quantized = quantized
        self.found: list[Found] = []

    def model(self, item: dict[str, Any], where: str) -> dict[str, Any]:
        inside = item["config"]
        kind, layers = item["class_name"], inside["layers"]
        where = str(inside.get("name") or where)
        if not isinstance(layers, list) or not layers:
            message = f"{where} has no list of layers"
            raise ValueError(message)
        graph = kind != "Sequential"
        clean: dict[str, Any] = {"layers": [self.layer(layer, where, graph=graph) for layer in layers]}
        if isinstance(inside.get("name"), str):
            clean["name"] = inside["name"]
        if graph:
            clean |= {key: _ends(inside[key], key) for key in ("input_layers", "output_layers")}
        elif inside.get("build_input_shape") is not None:
            clean["build_input_shape"] = plain(inside["build_input_shape"], "build_input_shape")
        if isinstance(inside.get("trainable"), bool):
            clean["trainable"] = inside["trainable"]
        return {"class_name": "Functional" if graph else kind, "config": clean}

    def layer(self, item: Any, where: str, *, graph: bool) -> dict[str, Any]:  # noqa: ANN401
        if not isinstance(item, dict) or not isinstance(item.get("class_name"), str):
            message = f"{where} has a layer without a class"
            raise ValueError(message)  # noqa: TRY004 - of what a file holds
        kind = str(item["class_name"])
        inside = item.get("config")
        own = (inside.get("name") if isinstance(inside, dict) else None) or item.get("name")
        if not isinstance(inside, dict):
            if kind in allowed.LAYERS | allowed.MODELS:
                message = f"a {kind} of {where} without a configuration"
                raise ValueError(message)
            inside = {}
        where = str(own or where)
        clean = self._of_kind(kind, item, inside, where)
        if graph:
            name = item.get("name")
            if not isinstance(name, str) or clean["config"].setdefault("name", name) != name:
                message = f"a {kind} of {where} with two names, or none"
                raise ValueError(message)
            clean |= {"name": name, "inbound_nodes": self._calls(item.get("inbound_nodes"), kind, where)}
        return clean

    def _of_kind(self, kind: str, item: dict[str, Any], inside: dict[str, Any], where: str) -> dict[str, Any]:
        if self.of_keras_3 and _is_operation(kind, item, inside):
            return self._operation(f"ops.{kind}", kind in allowed.OPERATIONS_OF_KERAS_3, inside, where)
        if kind in allowed.OPERATIONS and not self.of_keras_3:
            function = inside.get("function")
            return self._operation(kind, function in allowed.OPERATORS, inside, where)
        if kind in allowed.MODELS and "layers" in inside:
            return self.model(item, where)
        if self.quantized and kind in allowed.QUANTIZED_LAYERS:
            return {"class_name": kind, "config": self._quantized(inside, where)}
        if kind not in allowed.LAYERS:
            self.found.append((kind, where))
            return {"class_name": kind, "config": {}}
        held = {
            key: self.layer(inside[key], where, graph=False)
            for key in allowed.WRAPPERS.get(kind, ())
            if inside.get(key) is not None
        }
        rest = {key: value for key, value in inside.items() if key not in held}
        return {"class_name": kind, "config": settings(rest, where, self.found, quantized=self.quantized) | held}

    def _operation(self, kind: str, is_allowed: bool, inside: dict[str, Any], where: str) -> dict[str, Any]:
        """Return a function as a layer: a TensorFlow function by its symbol, or an operation of Keras 3."""
        if not is_allowed:
            self.found.append((f"{kind} of {inside['function']}" if "function" in inside else kind, where))
        return {"class_name": kind, "config": settings(inside, where, self.found)}

    def _quantized(self, inside: dict[str, Any], where: str) -> dict[str, Any]:
        """Return the settings of a wrapper of TFMOT."""
        clean: dict[str, Any] = {}
        for key, value in inside.items():
            if key == "layer":
                clean[key] = self.layer(value, where, graph=False)
            elif key in {"quantize_config", "quantizer"} and isinstance(value, dict):
                known = allowed.QUANTIZE_CONFIGS if key == "quantize_config" else allowed.QUANTIZERS
                clean[key] = self._rounding(value, known, where)
            else:
                clean |= settings({key: value}, where, self.found)
        return clean

    def _rounding(self, value: dict[str, Any], known: set[str], where: str) -> dict[str, Any]:
        kind, inside = value.get("class_name"), value.get("config")
        if kind not in known:
            self.found.append((str(kind), where))
        clean: dict[str, Any] = {}
        for key, item in (inside if isinstance(inside, dict) else {}).items():
            if isinstance(item, dict):
                clean[key] = self._rounding(item, allowed.QUANTIZERS, where)
            elif key.endswith("_attrs"):
                clean[key] = [str(name) for name in item]
                self.found += [(name, where) for name in clean[key] if name not in allowed.QUANTIZED_ATTRIBUTES]
            else:
                clean[key] = plain(item, key)
        return {"class_name": kind, "config": clean}

    def _calls(self, nodes: Any, kind: str, where: str) -> list[Any]:  # noqa: ANN401
        if not isinstance(nodes, list) or (nodes and kind == "InputLayer"):
            message = f"the calls of {where} are no list, or those of an input"
            raise ValueError(message)
        if len(nodes) > MOST_CALLS:
            message = f"more than {MOST_CALLS:,} calls of layers"
            raise ValueError(message)
        if not self.of_keras_3:
            return [plain(node, where, slices=True) for node in nodes]
        calls = []
        for node in nodes:
            if not isinstance(node, dict) or not isinstance(node.get("kwargs"), dict):
                message = f"a call of {where} that is none"
                raise ValueError(message)  # noqa: TRY004 - of what a file holds
            calls.append({"args": _tensors(node.get("args"), where), "kwargs": _tensors(node["kwargs"], where)})
        return calls


def _ends(value: Any, where: str) -> Any:  # noqa: ANN401
    """Return the ends of a graph: in a list, or each by its name."""
    if isinstance(value, dict) and "class_name" not in value:
        return {str(name): plain(end, where) for name, end in value.items()}
    return plain(value, where)


def _is_operation(kind: str, item: dict[str, Any], inside: dict[str, Any]) -> bool:
    """Return whether Keras 3 means an operation. HDF5 does not say so, but operations never train and layers can."""
    if kind in allowed.MODELS or kind == "InputLayer":
        return False
    return str(item.get("module", "")).startswith("keras.src.ops") or not {"trainable", "dtype"} & set(inside)


def _tensors(value: Any, where: str) -> Any:  # noqa: ANN401
    """Return what a layer of Keras 3 is called with: tensors as `{"tensor": [layer, node, number]}`."""
    if isinstance(value, list):
        return [_tensors(item, where) for item in value]
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            layer, node, number = value["config"]["keras_history"]
            if not isinstance(layer, str) or type(node) is not int or type(number) is not int:
                message = f"{where} is called with what is no tensor"
                raise ValueError(message)
            return {"tensor": [layer, node, number]}
        if "class_name" in value:
            return {"unknown": str(value["class_name"])}
        return {str(key): _tensors(item, where) for key, item in value.items()}
    return value
