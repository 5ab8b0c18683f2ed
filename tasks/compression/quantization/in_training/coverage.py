"""Which layers quantization-aware training can handle, known before an hour is spent on training.

TFMOT's 8-bit registry decides about kinds; the table of layer kinds says what it decides. A batch normalisation counts
only right behind a convolution without activation, where the converter folds it away; behind a dense layer it stays,
and the file computes there in float32.
"""

from __future__ import annotations

from featherline.tasks.compression.quantization.in_training.activations import can_be_pulled, carrier
from featherline.tasks.contracts.refusal import Problem, Refused, examples
from featherline.tasks.networks.framework import KerasLayer, KerasModel
from featherline.tasks.networks.layer_kinds.kind import Int8, Qat
from featherline.tasks.networks.layer_kinds.table import activation_of, is_input, kind_of

ACTIVATIONS = {"linear", "relu", "softmax", "sigmoid", "tanh"}
"""Those whose rounding TFMOT 0.8.1 knows how to place, and that become int8 operators."""

FLOAT_AFTER_TRAINING = {"elu"}
"""Activations that the converter leaves in float in an int8 file, so that no int8 covers them."""


def check_coverage(model: KerasModel) -> None:
    """Refuse a model that quantization-aware training cannot handle.

    Args:
        model: A flat functional model.

    Raises:
        Refused: Layers that TFMOT does not cover, each by name with what to do.
    """
    obstacles = ((layer, _obstacle(layer)) for layer in model.layers if not is_input(layer))
    otherwise = _otherwise(model)
    problems = [
        Problem(
            f"quantize cannot train the layer {layer.name} quantization-aware",
            "layers of TFMOT's 8-bit registry (quantize.qat)",
            obstacle[0],
            f"{obstacle[1]}, or {otherwise}",
        )
        for layer, obstacle in obstacles
        if obstacle is not None
    ]
    if problems:
        raise Refused(*problems)


def _otherwise(model: KerasModel) -> str:
    """Return what the whole network can be instead: int8 after training, where nothing of it would stay in float."""
    never, left = ([layer.name for layer in model.layers if _int8(layer) == state] for state in ("never", "float"))
    if never or left:
        why = f"an int8 file would compute {examples(left)} in float"
        why = f"no int8 file can be made of {examples(never)}" if never else why
        return f"set quantize.qat to false and quantize.scheme to dynamic_wi8_afp32 or float16: {why}"
    return "set quantize.qat to false: int8 after training covers it"


def _int8(layer: KerasLayer) -> Int8:
    """Return what conversion to int8 after training does with a layer."""
    if (inner := getattr(layer, "layer", None)) is not None:
        return _int8(inner)
    kind, function = kind_of(layer), getattr(getattr(layer, "function", None), "__name__", "")
    if {activation_of(layer), function} & FLOAT_AFTER_TRAINING:
        return "float"
    return "whole" if kind is None else kind.int8


def _obstacle(layer: KerasLayer) -> tuple[str, str] | None:  # noqa: PLR0911 - a table of reasons
    """Return what is wrong with a layer and how to mend it, or None."""
    kind = type(layer).__name__
    if len(layer.inbound_nodes) > 1:
        return f"a {kind} that the graph calls more than once", "give each call a layer of its own"
    known = kind_of(layer)
    if known is None or known.qat is Qat.REFUSED:
        return f"a {kind}", "replace the layer"
    if known.qat is Qat.FOLDED:
        source = layer.inbound_nodes[0].parent_nodes[0].layer
        before, activation = kind_of(source), activation_of(source) or "linear"
        if before is not None and before.takes_normalisation and activation == "linear":
            return None
        behind = type(source).__name__ + (f" with the activation {activation}" if activation != "linear" else "")
        return f"a BatchNormalization behind a {behind}", "put it right behind a convolution without activation"
    if known.qat is Qat.SPLIT:
        return None  # TFMOT itself splits it into its two convolutions
    if carrier(layer) is not None and not can_be_pulled(layer):
        return (
            f"a {kind} right behind a {type(carrier(layer)).__name__} that it cannot be pulled into",
            "put a BatchNormalization between them, or use a plain ReLU that alone reads the layer",
        )
    activation = activation_of(layer) or "linear"
    if activation not in ACTIVATIONS:
        return f"a {kind} with the activation {activation}", f"use one of {', '.join(sorted(ACTIVATIONS))}"
    return None
