"""Dependency groups: which channels must leave together.

    conv a ──► add ──► conv c        Channel 3 of a and channel 3 of b are one unit: whoever removes it
    conv b ──►──┘                    takes column 3 of both kernels and row 3 of c's kernel.

Every channel that a layer makes gets a number. The numbers travel through the graph; sums and products join them
(union-find), concatenations line them up, flattening repeats them. Units that the same layers make are a group.
Channels of the model's inputs and outputs are held: they never leave.

Source: Fang et al. 2023, DepGraph, section 3, https://arxiv.org/abs/2301.12900
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.compression.pruning.layers import (
    couples_channels,
    flow_of,
    followed,
    is_never_free,
    joins,
    obstacle,
    otherwise,
    reshaped,
)
from featherline.tasks.compression.pruning.section import Section
from featherline.tasks.contracts.refusal import Problem, Refused
from featherline.tasks.networks.framework import KerasLayer, KerasModel, tf
from featherline.tasks.networks.layer_kinds.kind import Flow

Units = NDArray[np.intp]
"""The number of the unit behind each channel of a tensor's last axis."""


@dataclass(frozen=True)
class Ports:
    """The units that a layer reads and makes, channel by channel."""

    inputs: Units
    outputs: Units


@dataclass(frozen=True)
class Group:
    """Units that the same layers make.

    Attributes:
        units: Their numbers, ascending.
        layers: The names of the layers that make them, in the order of the graph.
    """

    units: Units
    layers: tuple[str, ...]


@dataclass(frozen=True)
class Channels:
    """The channels of a model.

    Attributes:
        count: Of units; every number in `ports` is below it.
        ports: By layer name, in the order of the graph. A merge has the units of its first operand as inputs.
        groups: What can be pruned, in the order of the graph.
        section: Who prunes them.
    """

    count: int
    ports: dict[str, Ports]
    groups: tuple[Group, ...]
    section: Section = "prune"


def trace_channels(model: KerasModel, section: Section = "prune") -> Channels:
    """Number the channels of a model and join those that depend on each other.

    Args:
        model: A flat functional model (`featherline.tasks.networks.graph.functional`).
        section: Who prunes them, and refuses.

    Raises:
        Refused: Layers that the channels cannot be followed through, each by name. A layer that reads only held
            channels (on the model's input) is one of them only where it has kernels itself, such as an LSTM.
    """
    tracer = _Tracer(section)
    tensors: dict[int, Units] = {}
    for tensor in model.inputs:
        tensors[id(tensor)] = tracer.fresh(tensor.shape[-1], held=True)
    for layer, sources, target in _calls(model):
        tracer.follow(layer, [tensors[id(tensor)] for tensor in sources], target)
        for tensor in tf.nest.flatten(target):
            tensors[id(tensor)] = tracer.made
    if tracer.problems:
        raise Refused(*tracer.problems)
    for tensor in model.outputs:
        tracer.hold(tensors[id(tensor)])
    return tracer.channels()


def _calls(model: KerasModel) -> Any:  # noqa: ANN401
    """Yield each layer with the tensors that it takes and gives, in the order of the graph."""
    for depth in sorted(model._nodes_by_depth, reverse=True):  # noqa: SLF001 - Keras 2 shows the order of a graph only here
        for node in model._nodes_by_depth[depth]:  # noqa: SLF001
            if not node.is_input:
                yield node.layer, node.keras_inputs, node.outputs


@dataclass
class _Tracer:
    """The union-find under `trace_channels`."""

    section: Section
    parents: list[int] = field(default_factory=list)
    held: list[int] = field(default_factory=list)
    ports: dict[str, Ports] = field(default_factory=dict)
    makers: dict[str, Units] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    made: Units = field(default_factory=lambda: np.zeros(0, np.intp))

    def fresh(self, count: int, *, held: bool = False) -> Units:
        start = len(self.parents)
        self.parents.extend(range(start, start + count))
        units = np.arange(start, start + count)
        if held:
            self.hold(units)
        return units

    def hold(self, units: Units) -> None:
        self.held.extend(units.tolist())

    def root(self, unit: int) -> int:
        while self.parents[unit] != unit:
            self.parents[unit] = self.parents[self.parents[unit]]
            unit = self.parents[unit]
        return unit

    def roots(self, units: Units) -> Units:
        return np.array([self.root(int(unit)) for unit in units], np.intp)

    def join(self, first: Units, second: Units) -> None:
        for one, other in zip(first.tolist(), second.tolist(), strict=True):
            low, high = sorted((self.root(one), self.root(other)))
            self.parents[high] = low

    def follow(self, layer: KerasLayer, sources: list[Units], target: Any) -> None:  # noqa: ANN401
        """Find the units of what `layer` gives, and leave them in `made`."""
        count = int(tf.nest.flatten(target)[0].shape[-1])
        beyond_us = obstacle(layer, self.section)
        made = None if beyond_us else self._made(layer, sources, count)
        if made is None:
            held = {self.root(unit) for unit in self.held}
            reads_held = all(self.root(int(unit)) in held for source in sources for unit in source)
            if not reads_held or is_never_free(layer):
                got, fix = beyond_us or _mixed(layer, self.section)
                self.problems.append(
                    Problem(f"{self.section} cannot follow the channels through {layer.name}", followed(), got, fix)
                )
            made = self.fresh(count, held=True)
        self.made = made
        if couples_channels(layer):
            self.hold(made)
        self.ports[layer.name] = Ports(sources[0], made)

    def _made(self, layer: KerasLayer, sources: list[Units], count: int) -> Units | None:
        """Return the units of what a layer gives, or None where a Reshape mixes channels with places."""
        flow = flow_of(layer)
        if flow is Flow.MAKES:
            made = self.fresh(count)
            self.makers[layer.name] = made
            return made
        if joins(layer):
            return self._merged(sources)
        if flow is Flow.LINES_UP:
            return np.concatenate(sources)
        if flow is Flow.RESHAPES:
            return reshaped(self.roots(sources[0]), count)
        if flow is Flow.MULTIPLIES:
            return np.repeat(sources[0], layer.depth_multiplier)
        return sources[0]

    def _merged(self, sources: list[Units]) -> Units:
        """Join the operands channel by channel; one channel that is spread over all others is held."""
        widest = max(sources, key=len)
        for source in sources:
            if len(source) == len(widest):
                self.join(widest, source)
            else:
                self.hold(source)
        return widest

    def channels(self) -> Channels:
        held = {self.root(unit) for unit in self.held}
        made_by: dict[int, list[str]] = {}
        for name, units in self.makers.items():
            for unit in dict.fromkeys(self.roots(units).tolist()):
                if unit not in held:
                    made_by.setdefault(unit, []).append(name)
        groups: dict[tuple[str, ...], list[int]] = {}
        for unit, names in made_by.items():
            groups.setdefault(tuple(names), []).append(unit)
        return Channels(
            count=len(self.parents),
            ports={name: Ports(self.roots(port.inputs), self.roots(port.outputs)) for name, port in self.ports.items()},
            groups=tuple(Group(np.array(sorted(units), np.intp), names) for names, units in groups.items()),
            section=self.section,
        )


def _mixed(layer: KerasLayer, section: Section) -> tuple[str, str]:
    """Return what is wrong with a Reshape that mixes channels with places, and how to mend it."""
    shapes = f"{layer.input_shape[1:]} to {layer.output_shape[1:]}"
    return (
        f"a {type(layer).__name__} from {shapes}",
        f"use Flatten, or leave the last axis as it is, {otherwise(section)}",
    )
