"""The settings of one layer in a configuration, made harmless: what a value may be is decided by its key."""

from __future__ import annotations

from typing import Any

from featherline.tasks.networks.foreign import allowed
from featherline.tasks.networks.foreign.ellipsis import ELLIPSIS

Found = tuple[str, str]
"""What is not allowed, and the layer that it is in."""

DROPPED = {"dynamic", "batch_dtype", "autocast"}
NEVER = {"unroll", "sparse", "ragged"}
"""A loop written out is as many layers as it has steps; tensors of other kinds are not read."""
LARGEST = 2**63 - 1
OURS = "featherline>"
"""What the names of `featherline.tasks.networks.foreign.activations` begin with, as Keras keeps them."""
TUPLES = {"__tuple__", "TensorShape"}
OBJECTS = {"initializer": allowed.INITIALIZERS, "regularizer": allowed.REGULARIZERS, "constraint": allowed.CONSTRAINTS}
"""The last word of a key, and what may be there."""


def settings(inside: dict[str, Any], where: str, found: list[Found], *, quantized: bool = False) -> dict[str, Any]:
    """Return the settings of a layer: plain values, and objects by name without a module.

    Args:
        inside: As a file has them.
        where: The layer, for messages.
        found: What is not allowed is added to it.
        quantized: Whether activations of TFMOT are allowed.

    Raises:
        ValueError: A value is none that the key can have.
    """
    clean: dict[str, Any] = {}
    for key, value in inside.items():
        last = key.rpartition("_")[2]
        if key in DROPPED:
            continue
        if key == "dtype":
            clean[key] = number_type(value, where, found)
        elif last == "activation":
            clean[key] = _activation(value, where, found, quantized=quantized)
        elif last in OBJECTS:
            clean[key] = _object(value, OBJECTS[last], where, found)
        elif (key in NEVER and value) or (key == "groups" and not value):
            message = f"{key}={value!r} of {where}"[:100]
            raise ValueError(message)
        else:
            clean[key] = plain(value, f"{key} of {where}")
    return clean


def plain(value: Any, where: str, *, slices: bool = False) -> Any:  # noqa: ANN401 - JSON
    """Return a value of numbers, texts and lists.

    Args:
        value: Of a configuration.
        where: It stands, for messages.
        slices: Whether mappings are allowed, as the calls of layers have them for arguments by name.

    Raises:
        ValueError: It holds something else.
    """
    if isinstance(value, list | tuple):
        return [plain(item, where, slices=slices) for item in value]
    if isinstance(value, dict):
        if value.get("class_name") in TUPLES and isinstance(value.get("items"), list):
            return tuple(plain(item, where) for item in value["items"])
        if slices and value.get("class_name") == "__ellipsis__":
            return dict(ELLIPSIS)
        if slices and "class_name" not in value:
            return {str(key): plain(item, where, slices=True) for key, item in value.items()}
        message = f"{where} is a mapping"
        raise ValueError(message)
    if isinstance(value, int) and abs(value) > LARGEST:
        message = f"{where} is {str(value)[:20]}…"
        raise ValueError(message)
    if value in ("_COMPOSITE_TYPE", "__lambda__"):
        message = f"{where} is {value}"
        raise ValueError(message)
    return value


def number_type(value: Any, where: str, found: list[Found]) -> str | None:  # noqa: ANN401
    """Return `float32` for all that is rebuilt so, and other types of numbers as they are."""
    name = value
    if isinstance(value, dict):
        inside = value.get("config")
        name = inside.get("name") if isinstance(inside, dict) else value.get("class_name")
        if value.get("class_name") not in {"Policy", "DTypePolicy", "PolicyV1"}:
            name = value.get("class_name")
    if name is None or name in ("float", "_infer"):
        return "float32"
    if name not in allowed.FLOATS | allowed.OTHER_TYPES:
        found.append((str(name), where))
    return "float32"


def _object(value: Any, known: set[str], where: str, found: list[Found]) -> Any:  # noqa: ANN401
    """Return an initialiser, regulariser or constraint by its name."""
    if value is None:
        return None
    kind = value.get("class_name") if isinstance(value, dict) else value
    if kind == "function":
        kind = value["config"]
    if not isinstance(kind, str) or kind not in known:
        found.append((str(kind), where))
        return None
    inside = value.get("config") if isinstance(value, dict) else None
    if not isinstance(inside, dict):
        return kind
    return {"class_name": kind, "config": {key: _seed(item) for key, item in inside.items() if key != "dtype"}}


def _seed(value: Any) -> Any:  # noqa: ANN401
    """Return a setting of an initialiser; Keras 3 writes a generator of random numbers where one had no seed."""
    if isinstance(value, dict) and value.get("class_name") == "SeedGenerator":
        return None
    return plain(value, "an initialiser")


def _activation(value: Any, where: str, found: list[Found], *, quantized: bool) -> Any:  # noqa: ANN401
    kind = value.get("class_name") if isinstance(value, dict) else value
    if kind is None:
        return None
    inside = value.get("config") if isinstance(value, dict) else None
    if kind == "function":
        kind = str(inside).removeprefix(OURS)
    if quantized and kind in allowed.QUANTIZED_ACTIVATIONS:
        held: dict[str, Any] = inside if isinstance(inside, dict) else {}
        known = {
            key: _activation(item, where, found, quantized=True) for key, item in held.items() if key == "activation"
        }
        return {"class_name": kind, "config": known}
    if isinstance(kind, str) and kind in allowed.ACTIVATION_LAYERS and isinstance(inside, dict):
        return {"class_name": kind, "config": settings(inside, where, found)}
    if not isinstance(kind, str) or kind not in allowed.ACTIVATIONS | allowed.ACTIVATIONS_OF_KERAS_3:
        found.append((str(kind), where))
        return None
    return kind
