"""What a model costs as a function of its widths, without building it.

    kept units a group ──► channels in and out of each layer ──► multiply-accumulates

Every layer costs `positions x kernel x in [x out]`, and both counts are linear in the kept units of the groups.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.framework import keras
from tasks.pruning.groups import Channels, Units

Widths = NDArray[np.intp]
"""Kept units of each group."""


@dataclass(frozen=True)
class Cost:
    """The MACs of a model by its widths.

    Attributes:
        factors: (terms,) multiply-accumulates for one channel in and one out.
        read: (terms, groups + 1) channels that a term reads for each kept unit; the last column counts held channels.
        made: The same for the channels that it makes; a depthwise term makes one.
    """

    factors: NDArray[np.float64]
    read: NDArray[np.float64]
    made: NDArray[np.float64]

    def macs(self, widths: Widths) -> int:
        """Return the multiply-accumulates of one inference, (groups,) units kept."""
        counts = np.append(widths, 1)
        return round(float((self.factors * (self.read @ counts) * (self.made @ counts)).sum()))


def cost_of(model: Any, channels: Channels) -> Cost:  # noqa: ANN401 - tf_keras has no types
    """Return the cost function of a traced model."""
    group_of = np.full(channels.count, len(channels.groups))
    for index, group in enumerate(channels.groups):
        group_of[group.units] = index
    sizes = np.array([len(group.units) for group in channels.groups] + [1], np.float64)

    def counts(units: Units) -> NDArray[np.float64]:
        per_group: NDArray[np.float64] = np.bincount(group_of[units], minlength=len(sizes)) / sizes
        return per_group

    one = np.append(np.zeros(len(channels.groups)), 1.0)
    terms = []
    for name, ports in channels.ports.items():
        layer = model.get_layer(name)
        positions = float(np.prod(layer.output_shape[1:-1], dtype=np.int64)) if len(layer.output_shape) > 1 else 1.0
        kernel = float(np.prod(getattr(layer, "kernel_size", (1,))))
        read, made = counts(ports.inputs), counts(ports.outputs)
        if type(layer) in (keras.layers.Conv2D, keras.layers.Dense):
            terms.append((positions * kernel, read, made))
        elif type(layer) is keras.layers.DepthwiseConv2D:
            terms.append((positions * kernel * layer.depth_multiplier, read, one))
        elif type(layer) is keras.layers.SeparableConv2D:
            terms.append((positions * kernel * layer.depth_multiplier, read, one))
            terms.append((positions * layer.depth_multiplier, read, made))
    return Cost(
        np.array([factor for factor, _, _ in terms]),
        np.array([read for _, read, _ in terms]),
        np.array([made for _, _, made in terms]),
    )
