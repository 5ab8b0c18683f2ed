"""What a model costs as a function of its widths, without building it.

    kept units a group ──► channels in and out of each layer ──► MACs, parameters, or bytes of the int8 file

Every part of a cost is `factor x channels read x channels made`, and both counts are linear in the kept units.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.compression.pruning.groups import Channels, Units
from featherline.tasks.networks.estimates import FILE_BYTES
from featherline.tasks.networks.framework import KerasLayer, KerasModel
from featherline.tasks.networks.layer_kinds.counts import ZERO_POINT_BYTES, Call, Term
from featherline.tasks.networks.layer_kinds.table import kernels_of, kind_of, known_weights

Widths = NDArray[np.intp]
"""Kept units of each group."""

Row = NDArray[np.float64]
"""(groups + 1,) channels for each kept unit of each group; the last number counts channels that never leave."""

Measure = Literal["macs", "parameters", "size"]
"""`size`: bytes of the int8 file, estimated."""


@dataclass(frozen=True)
class Cost:
    """What a model costs by its widths.

    Attributes:
        measure: What is counted.
        factors: (terms,) the cost of one channel read and one made.
        read: (terms, groups + 1) channels that a term reads.
        made: The same for the channels that it makes.
        distinct: (layers, groups + 1) channels of the layers whose zero points are written once for each width.
        constant: What no width changes.
    """

    measure: Measure
    factors: NDArray[np.float64]
    read: NDArray[np.float64]
    made: NDArray[np.float64]
    distinct: NDArray[np.float64]
    constant: float = 0.0

    def of(self, widths: Widths) -> int:
        """Return the cost with these units kept, (groups,)."""
        counts = np.append(widths, 1)
        terms = (self.factors * (self.read @ counts) * (self.made @ counts)).sum()
        zero_points = ZERO_POINT_BYTES * np.unique(np.round(self.distinct @ counts)).sum()
        return round(float(terms + zero_points + self.constant))


def cost_of(model: KerasModel, channels: Channels, measure: Measure = "macs") -> Cost:
    """Return the cost function of a traced model."""
    gathered = _Terms(channels, [], [])
    for name, ports in channels.ports.items():
        layer = model.get_layer(name)
        _ENTRIES[measure](gathered, layer, gathered.counts(ports.inputs), gathered.counts(ports.outputs))
    groups = len(channels.groups) + 1
    return Cost(
        measure=measure,
        factors=np.array([factor for factor, _, _ in gathered.terms]),
        read=np.array([read for _, read, _ in gathered.terms]).reshape(-1, groups),
        made=np.array([made for _, _, made in gathered.terms]).reshape(-1, groups),
        distinct=np.array(gathered.distinct).reshape(-1, groups),
        constant=FILE_BYTES if measure == "size" else 0,
    )


class _Terms:
    """Collects the terms of a cost."""

    def __init__(self, channels: Channels, terms: list[tuple[float, Row, Row]], distinct: list[Row]) -> None:
        self.terms, self.distinct = terms, distinct
        self.group_of = np.full(channels.count, len(channels.groups))
        for index, group in enumerate(channels.groups):
            self.group_of[group.units] = index
        self.sizes = np.array([len(group.units) for group in channels.groups] + [1], np.float64)
        self.one: Row = np.append(np.zeros(len(channels.groups)), 1.0)

    def counts(self, units: Units) -> Row:
        """Return the channels of a tensor for each kept unit of each group."""
        per_group: Row = np.bincount(self.group_of[units], minlength=len(self.sizes)) / self.sizes
        return per_group

    def add(self, factor: float, read: Row | None = None, made: Row | None = None) -> None:
        """Note a term; one channel where none is given."""
        self.terms.append((factor, self.one if read is None else read, self.one if made is None else made))

    def add_term(self, term: Term, read: Row, made: Row, times: int = 1) -> None:
        """Note a count of a kernel, so many times."""
        self.add(times * term.factor, read if term.reads else None, made if term.makes else None)


def _macs(gathered: _Terms, layer: KerasLayer, read: Row, made: Row) -> None:
    kind = kind_of(layer)
    if kind is None or not (kernels := kernels_of(layer)):
        return
    times = kind.places(Call(layer, layer.input_shape[1:], layer.output_shape[1:]))
    for kernel in kernels:
        for term in kernel.weights:
            gathered.add_term(term, read, made, times)


def _parameters(gathered: _Terms, layer: KerasLayer, read: Row, made: Row) -> None:
    counted = {"read": layer.input_shape, "made": layer.output_shape}
    for weight, known in zip(layer.weights, known_weights(layer), strict=True):
        along: dict[str, Row] = {}
        factor = float(prod(weight.shape))
        for side, axis, row in (
            ("read", None if known is None else known.reads, read),
            ("made", None if known is None else known.makes, made),
        ):
            if axis is not None and weight.shape[axis] >= counted[side][-1]:  # one number for all channels stays one
                along[side] = row
                factor /= counted[side][-1]
        gathered.add(factor, along.get("read"), along.get("made"))


def _size(gathered: _Terms, layer: KerasLayer, read: Row, made: Row) -> None:
    for kernel in kernels_of(layer):
        for term in kernel.int8_terms:
            gathered.add_term(term, read, made)
        if kernel.by_channel:
            gathered.distinct.append(kernel.outputs.factor * (read if kernel.outputs.reads else made))


_ENTRIES = {"macs": _macs, "parameters": _parameters, "size": _size}
