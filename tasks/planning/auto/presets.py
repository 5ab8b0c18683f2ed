"""Orders of techniques that are known to be good: where a search of pipelines begins.

Each is put onto the grid of the recipe, and left out where the space has no such technique.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from featherline.tasks.contracts.auto import Auto, PipelinePoint
from featherline.tasks.contracts.steps.choose import ChosenArchitecture
from featherline.tasks.planning.auto.grid import canonical, choices


@dataclass(frozen=True)
class Preset:
    """An order, as the parameters that it is about. Others take the highest value of the grid for epochs, else none.

    Attributes:
        name: For people.
        parameters: What it asks for.
        source: Who found it good.
    """

    name: str
    point: dict[str, Any]
    source: str


PRESETS = (
    Preset("int8 after training", {"scheme": "int8"}, "Jacob et al. 2018, https://arxiv.org/abs/1712.05877"),
    Preset(
        "prune to half, then int8",
        {"keep_macs": 0.5, "scheme": "int8"},
        "Fang et al. 2023 (groups that leave together), https://arxiv.org/abs/2301.12900",
    ),
    Preset(
        "prune, then QAT, both with the float baseline as teacher",
        {"keep_macs": 0.35, "teacher": True, "scheme": "int8", "qat": True},
        "Prune-Quantize-Distill 2026, https://arxiv.org/abs/2604.04988",
    ),
    Preset(
        "weight clustering, then int8",
        {"clusters": 32, "scheme": "int8"},
        "Han et al. 2016 (deep compression), https://arxiv.org/abs/1510.00149",
    ),
    Preset(
        "a searched student, distilled, then int8",
        {"student": "searched", "scheme": "int8"},
        "Hinton et al. 2015, https://arxiv.org/abs/1503.02531",
    ),
    Preset(
        "prune to half, then train for int8",
        {"keep_macs": 0.5, "scheme": "int8", "qat": True},
        "Jacob et al. 2018, section 3, https://arxiv.org/abs/1712.05877",
    ),
)
"""In the order in which they get a lane. The last one shares the pruning of the second and follows it a round later."""


def presets(auto: Auto, architectures: Sequence[ChosenArchitecture]) -> list[PipelinePoint]:
    """Return the presets that the space has, each as the nearest point of its grid, without repetition."""
    values = choices(auto, architectures)
    points = (_on_grid(preset, auto, values) for preset in PRESETS)
    return list(dict.fromkeys(point for point in points if point is not None))


def _on_grid(preset: Preset, auto: Auto, values: dict[str, list[Any]]) -> PipelinePoint | None:
    chosen: dict[str, Any] = {
        "student": "baseline",
        "keep_macs": 1.0,
        "teacher": False,
        "distill_epochs": min(values["distill_epochs"]),
        "qat": False,
        "clusters": None,
        "prune_epochs": max(values["prune_epochs"]),
        "tune_epochs": max(values["tune_epochs"]),
        "order": values["order"][0],
    } | preset.point
    if chosen["student"] == "searched":
        chosen["student"] = next((name for name in values["student"] if name != "baseline"), "baseline")
        if chosen["student"] == "baseline":
            return None
    if chosen["keep_macs"] < 1:
        pruned = [kept for kept in values["keep_macs"] if kept < 1]
        chosen["keep_macs"] = min(pruned, key=lambda kept: abs(kept - chosen["keep_macs"]), default=0.0)
    if chosen["clusters"]:
        counts = [count for count in values["clusters"] if count]
        chosen["clusters"] = min(counts, key=lambda count: abs(count - chosen["clusters"]), default=0)
    there = all(chosen[name] in options for name, options in values.items())
    return canonical(PipelinePoint(**chosen), auto) if there else None
