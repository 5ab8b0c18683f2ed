"""Which layers quantization-aware training can handle, known before an hour is spent on training.

TFMOT's 8-bit registry decides about kinds. A batch normalisation counts only right behind a convolution without
activation, where the converter folds it away; behind a dense layer it stays, and the file computes there in float32.
"""

from __future__ import annotations

from typing import Any

from tensorflow_model_optimization.python.core.quantization.keras.default_8bit import (
    default_8bit_quantize_registry as default,
)

from featherline.tasks.compression.quantization.in_training.activations import can_be_pulled, carrier
from featherline.tasks.contracts.refusal import Problem, Refused, examples
from featherline.tasks.networks.framework import KerasLayer, KerasModel, keras

L = keras.layers
FOLDING = (L.Conv2D, L.DepthwiseConv2D)
"""Layers that a batch normalisation behind them melts into."""

ACTIVATIONS = {"linear", "relu", "softmax", "sigmoid", "tanh"}
"""Those whose rounding TFMOT 0.8.1 knows how to place, and that become int8 operators."""

FLOAT_AFTER_TRAINING = ("elu", "ELU", "ThresholdedReLU")
"""Activations and layers that the converter leaves in float in an int8 file, so that no int8 covers them."""


def check_coverage(model: KerasModel) -> None:
    """Refuse a model that quantization-aware training cannot handle.

    Args:
        model: A flat functional model.

    Raises:
        Refused: Layers that TFMOT does not cover, each by name with what to do.
    """
    registry = default.Default8BitQuantizeRegistry()
    found = ((layer, _obstacle(layer, registry)) for layer in model.layers if not isinstance(layer, L.InputLayer))
    otherwise = _otherwise(model)
    problems = [
        Problem(
            f"quantize cannot train the layer {layer.name} quantization-aware",
            "layers of TFMOT's 8-bit registry (quantize.qat)",
            obstacle[0],
            f"{obstacle[1]}, or {otherwise}",
        )
        for layer, obstacle in found
        if obstacle is not None
    ]
    if problems:
        raise Refused(*problems)


def _otherwise(model: KerasModel) -> str:
    """Return what the whole network can be instead: int8 after training, where nothing of it would stay in float."""
    left = [layer.name for layer in model.layers if _told(layer) & set(FLOAT_AFTER_TRAINING)]
    if left:
        return (
            "set quantize.qat to false and quantize.scheme to dynamic_wi8_afp32 or float16: "
            f"an int8 file would compute {examples(left)} in float"
        )
    return "set quantize.qat to false: int8 after training covers it"


def _told(layer: KerasLayer) -> set[str]:
    """Return the names of a layer's kind, of its activation and of its function."""
    function = getattr(layer, "function", None)
    activation = getattr(layer, "activation", None)
    return {type(layer).__name__, *(getattr(one, "__name__", "") for one in (function, activation))}


def _obstacle(layer: KerasLayer, registry: Any) -> tuple[str, str] | None:  # noqa: ANN401, PLR0911 - a table of reasons
    """Return what is wrong with a layer and how to mend it, or None."""
    kind = type(layer).__name__
    if len(layer.inbound_nodes) > 1:
        return f"a {kind} that the graph calls more than once", "give each call a layer of its own"
    if isinstance(layer, L.BatchNormalization):
        source = layer.inbound_nodes[0].parent_nodes[0].layer
        activation = getattr(getattr(source, "activation", None), "__name__", "linear")
        if type(source) in FOLDING and activation == "linear":
            return None
        behind = type(source).__name__ + (f" with the activation {activation}" if activation != "linear" else "")
        return f"a BatchNormalization behind a {behind}", "put it right behind a convolution without activation"
    if type(layer) is L.SeparableConv2D:
        return None  # TFMOT itself splits it into its two convolutions
    if not registry.supports(layer):
        return f"a {kind}", "replace the layer"
    if carrier(layer) is not None and not can_be_pulled(layer):
        return (
            f"a {kind} right behind a {type(carrier(layer)).__name__} that it cannot be pulled into",
            "put a BatchNormalization between them, or use a plain ReLU that alone reads the layer",
        )
    activation = getattr(getattr(layer, "activation", None), "__name__", "linear")
    if activation not in ACTIVATIONS:
        return f"a {kind} with the activation {activation}", f"use one of {', '.join(sorted(ACTIVATIONS))}"
    return None
