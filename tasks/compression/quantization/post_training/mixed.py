"""Mixed widths: every layer as narrow as its measured damage and the budget of accuracy allow.

    float file ──► each layer alone as int8, as int4 ──► damage ──► order ──► halving under the budget ──► widths

All layers begin as int8. Where that keeps the budget, layers become int4, the least damage for a byte saved first;
where it does not, layers become float, the most damaged first. What a prefix of that order costs is measured on the
file itself, not added up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from featherline.tasks.compression.quantization.post_training.float_reference import FloatReference, Judgement
from featherline.tasks.compression.quantization.post_training.layers import INT4_OPERATORS, Layer, layers
from featherline.tasks.compression.quantization.post_training.static import StaticQuantizer
from featherline.tasks.contracts.model import LayerWidth, Width
from featherline.tasks.contracts.post_training import Mixed

Damage = dict[Width, float]


@dataclass(frozen=True)
class MixedFile:
    """The file, and how each layer ended."""

    data: bytes
    layers: tuple[LayerWidth, ...]


def mixed(
    rounder: StaticQuantizer, settings: Mixed, judge: FloatReference, good: Callable[[Judgement], bool]
) -> MixedFile:
    """Return the file with the widths that were chosen.

    Where not even floats in all layers are good enough, all layers are float; the caller judges the file.

    Args:
        rounder: Of the float file.
        settings: What a layer may become, and how many images its damage is measured with.
        judge: Of the same float file, on the validation split.
        good: Whether a file keeps the budget.
    """
    found = layers(rounder.file)
    damage = {layer.scope: sensitivity(rounder, layer, settings, judge) for layer in found}

    def keeps(widths: Mapping[str, Width]) -> bool:
        return good(judge.judge(rounder.all(8, widths)))

    widths = choose(found, damage, settings, keeps)
    kept = tuple(
        LayerWidth(
            layer=layer.name,
            operator=layer.operator,
            weights=layer.weights,
            damage=damage[layer.scope],
            width=widths.get(layer.scope, "int8"),
        )
        for layer in found
    )
    return MixedFile(rounder.all(8, widths), kept)


def sensitivity(rounder: StaticQuantizer, layer: Layer, settings: Mixed, judge: FloatReference) -> Damage:
    """Return what rounding this layer alone does to the predictions, by width."""
    widths: tuple[Width, ...] = ("int8",)
    if "int4" in settings.widths and layer.operator in INT4_OPERATORS:
        widths = ("int8", "int4")
    return {width: max(judge.judge(rounder.alone(layer, width), settings.images).damage, 0.0) for width in widths}


def choose(
    found: list[Layer],
    damage: Mapping[str, Damage],
    settings: Mixed,
    keeps: Callable[[Mapping[str, Width]], bool],
) -> dict[str, Width]:
    """Return the layers that are not int8, by scope.

    Args:
        found: All layers.
        damage: Of each, alone, by width.
        settings: What a layer may become.
        keeps: Whether a file with these widths keeps the budget.
    """
    if keeps({}):
        narrow = [layer for layer in found if "int4" in damage[layer.scope]]

        def price(layer: Layer) -> float:
            both = damage[layer.scope]
            return (both["int4"] - both["int8"]) / layer.weights

        order = sorted(narrow, key=price)
        count = most(len(order), lambda size: keeps(_all("int4", order[:size])))
        return _all("int4", order[:count])
    if "float" not in settings.widths:
        return {}
    order = sorted(found, key=lambda layer: -damage[layer.scope]["int8"])
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
