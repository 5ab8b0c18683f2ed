"""Mixed widths: every layer as narrow as its measured sensitivity and the budget of quality allow.

    float file ──► each layer alone as int8, as int4 ──► sensitivity ──► order ──► halving under the budget ──► widths

All layers begin as int8. Where that keeps the budget, layers become int4, the least sensitive for a byte saved first;
where it does not, layers become float, the most sensitive first. What a prefix of that order costs is measured on the
file itself, not added up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from featherline.tasks.compression.quantization.post_training.float_reference import Comparison, FloatReference
from featherline.tasks.compression.quantization.post_training.layers import INT4_OPERATORS, Layer, layers
from featherline.tasks.compression.quantization.post_training.static import StaticQuantizer
from featherline.tasks.contracts.model import LayerWidth, Width
from featherline.tasks.contracts.post_training import Mixed

Sensitivity = dict[Width, float]


@dataclass(frozen=True)
class MixedFile:
    """The file, and how each layer ended."""

    data: bytes
    layers: tuple[LayerWidth, ...]


def mixed(
    quantizer: StaticQuantizer, settings: Mixed, reference: FloatReference, good: Callable[[Comparison], bool]
) -> MixedFile:
    """Return the file with the widths that were chosen.

    Where not even floats in all layers are good enough, all layers are float; whether that is enough is for the caller.

    Args:
        quantizer: Of the float file.
        settings: What a layer may become, and how many examples its sensitivity is measured with.
        reference: The same float file, run on the validation split.
        good: Whether a file keeps the budget.
    """
    all_layers = layers(quantizer.file)
    sensitivities = {layer.scope: sensitivity_of(quantizer, layer, settings, reference) for layer in all_layers}

    def keeps(widths: Mapping[str, Width]) -> bool:
        return good(reference.compare(quantizer.all(8, widths)))

    widths = choose(all_layers, sensitivities, settings, keeps)
    kept = tuple(
        LayerWidth(
            layer=layer.name,
            operator=layer.operator,
            weights=layer.weights,
            sensitivity=sensitivities[layer.scope],
            width=widths.get(layer.scope, "int8"),
        )
        for layer in all_layers
    )
    return MixedFile(quantizer.all(8, widths), kept)


def sensitivity_of(quantizer: StaticQuantizer, layer: Layer, settings: Mixed, reference: FloatReference) -> Sensitivity:
    """Return how far the outputs move where this layer alone is quantized, by width."""
    widths: tuple[Width, ...] = ("int8",)
    if "int4" in settings.widths and layer.operator in INT4_OPERATORS:
        widths = ("int8", "int4")
    return {
        width: max(reference.compare(quantizer.alone(layer, width), settings.examples).divergence, 0.0)
        for width in widths
    }


def choose(
    all_layers: list[Layer],
    sensitivities: Mapping[str, Sensitivity],
    settings: Mixed,
    keeps: Callable[[Mapping[str, Width]], bool],
) -> dict[str, Width]:
    """Return the layers that are not int8, by scope.

    Args:
        all_layers: Of the file.
        sensitivities: Of each, by width.
        settings: What a layer may become.
        keeps: Whether a file with these widths keeps the budget.
    """
    if keeps({}):
        narrow = [layer for layer in all_layers if "int4" in sensitivities[layer.scope]]

        def price(layer: Layer) -> float:
            both = sensitivities[layer.scope]
            return (both["int4"] - both["int8"]) / layer.weights

        order = sorted(narrow, key=price)
        count = most(len(order), lambda size: keeps(_all("int4", order[:size])))
        return _all("int4", order[:count])
    if "float" not in settings.widths:
        return {}
    order = sorted(all_layers, key=lambda layer: -sensitivities[layer.scope]["int8"])
    rest = most(len(order), lambda size: keeps(_all("float", order[: len(order) - size])))
    return _all("float", order[: len(order) - rest])


def most(count: int, holds: Callable[[int], bool]) -> int:
    """Return a size that holds while the next does not, found by halving; 0 is taken to hold, and is not asked."""
    low, high = 0, count + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def _all(width: Width, chosen: list[Layer]) -> dict[str, Width]:
    return {layer.scope: width for layer in chosen}
