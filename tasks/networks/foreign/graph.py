"""The calls in a configuration: each of what exists, in no circle, and not endlessly many.

A model inside a model is called as often as its own calls are called: thirty models, each with two calls of the next,
are a file of a few kilobytes and a billion layers.
"""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Any

from featherline.tasks.networks.foreign.allowed import MODELS

MOST_CALLS = 20_000
"""Of layers, those inside models counted as often as these are called. EfficientNetB7 has 800."""

FEW_ROUNDS = 8
"""Beside those that call layers, Keras looks through them to make them, and to find the ends of the model."""

Call = tuple[str, int]


def check_calls(model: dict[str, Any]) -> None:
    """Check the calls in a harmless configuration of Keras 2.

    Raises:
        ValueError: A call takes what does not exist or comes later, two layers have one name, or there are too many.
    """
    if _build_cost(model) > MOST_CALLS:
        message = f"more than {MOST_CALLS:,} calls of layers"
        raise ValueError(message)


def references(value: Any) -> list[Call]:  # noqa: ANN401 - JSON
    """Return each `[layer, node, tensor]` or `[layer, node, tensor, {...}]` in what a layer is called with.

    Raises:
        ValueError: Keras would take something for one that is none, and wait for it.
    """
    if isinstance(value, dict):
        return [found for item in value.values() for found in references(item)]
    if not isinstance(value, list | tuple):
        return []
    if len(value) in (3, 4) and isinstance(value[0], str):
        constant = value[0] == "_CONSTANT_VALUE"  # which stands where an output does
        if not (constant or all(type(item) is int and item >= 0 for item in value[1:3])):
            message = f"a call that takes {value[:3]!r}, where a layer, a call and an output by their numbers are asked"
            raise ValueError(message)
        own = [] if constant else [(value[0], value[1])]
        return own + (references(value[3]) if len(value) == 4 else [])  # noqa: PLR2004 - with arguments by name
    return [found for item in value for found in references(item)]


class Rounds(list[Any]):
    """Layers that Keras looks through again and again until each is called: a round for each call, at most.

    Where what a call takes never comes, such as the second output of a layer that has one, Keras itself goes on for
    ever.
    """

    def __iter__(self) -> Iterator[Any]:
        """Begin a round.

        Raises:
            ValueError: There were more of them than calls.
        """
        self.rounds = getattr(self, "rounds", 0) + 1
        calls = sum(max(1, len(layer.get("inbound_nodes", ()))) for layer in super().__iter__())
        if self.rounds > calls + FEW_ROUNDS:
            message = "a call that takes what no call gives"
            raise ValueError(message)
        return super().__iter__()


def ending(config: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration of a model with `Rounds` of layers, here and in the models inside."""
    layers = config["config"]["layers"]
    inner = (ending(layer) if layer["class_name"] in MODELS else layer for layer in layers)
    return config | {"config": config["config"] | {"layers": Rounds(inner)}}


def _build_cost(model: dict[str, Any]) -> int:
    layers = model["config"]["layers"]
    if model["class_name"] != "Sequential":
        _check_order(model["config"])
    cost = 0
    for layer in layers:
        calls = max(1, len(layer.get("inbound_nodes", ())))
        if layer["class_name"] in MODELS:
            cost += _build_cost(layer) + calls * _call_cost(layer)
        else:
            cost += calls
        if cost > MOST_CALLS:
            break
    return cost


def _call_cost(model: dict[str, Any]) -> int:
    cost = 0
    for layer in model["config"]["layers"]:
        calls = max(1, len(layer.get("inbound_nodes", ())))
        cost += calls * (_call_cost(layer) if layer["class_name"] in MODELS else 1)
        if cost > MOST_CALLS:
            break
    return cost


def _check_order(config: dict[str, Any]) -> None:
    """Raise `ValueError` unless the calls can be made one after the other. Keras itself would never end."""
    waiting: dict[Call, set[Call]] = {}
    names: set[str] = set()
    for layer in config["layers"]:
        name, first = layer["name"], _first_call(layer)
        if name in names:
            message = f"two layers of the name {name}"
            raise ValueError(message)
        names.add(name)
        nodes = layer["inbound_nodes"] or ([[]] if layer["class_name"] == "InputLayer" else [])
        for number, node in enumerate(nodes, first):
            waiting[name, number] = {*references(node), *([(name, number - 1)] if number > first else [])}
    ends = references([config["input_layers"], config["output_layers"]])
    if missing := {call for calls in (*waiting.values(), ends) for call in calls} - set(waiting):
        message = f"a call that takes {min(missing)}, which does not exist"
        raise ValueError(message)
    try:
        TopologicalSorter(waiting).prepare()
    except CycleError:
        message = "layers that are called in a circle"
        raise ValueError(message) from None


def _first_call(layer: dict[str, Any]) -> int:
    """Return the number of the first call: a model with an input of its own counts that as one."""
    layers = layer["config"].get("layers") if layer["class_name"] in MODELS else None
    return 1 if layers and layers[0]["class_name"] == "InputLayer" else 0
