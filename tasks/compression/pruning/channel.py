"""Channel pruning in one call: the model gets physically smaller, and stays the masked original to the last digit.

model ──► functional ──► groups ──► scores ──► options ──► widths ──► surgery ──► narrower model
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from featherline.tasks.compression.pruning.cost import Cost, Measure, Widths, cost_of
from featherline.tasks.compression.pruning.criteria import unit_scores
from featherline.tasks.compression.pruning.groups import Channels, trace_channels
from featherline.tasks.compression.pruning.importance import Scores
from featherline.tasks.compression.pruning.latency import Stopwatch, widest_within
from featherline.tasks.compression.pruning.section import Section
from featherline.tasks.compression.pruning.sensitivity import (
    BATCH,
    EXAMPLES,
    kept_units,
    losses_alone,
    options_by_sensitivity,
)
from featherline.tasks.compression.pruning.surgery import check_equivalence, masked_copy, shrink
from featherline.tasks.compression.pruning.widths import (
    FLOOR,
    Bound,
    WidthOptions,
    allowed_widths,
    choose_widths,
    options_by_rank,
)
from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.contracts.safe_text import visible
from featherline.tasks.contracts.steps.prune import Criterion
from featherline.tasks.measuring.int8_probe import CALIBRATION_EXAMPLES
from featherline.tasks.networks.framework import KerasModel
from featherline.tasks.networks.graph import functional
from featherline.tasks.networks.inputs import batch_size
from featherline.tasks.networks.macs import count_macs
from featherline.tasks.training.data import TrainingData
from featherline.tasks.training.part import Part


@dataclass(frozen=True)
class Target:
    """How small the model is to be.

    Attributes:
        fractions: Of each measure to keep, 0 < fraction < 1: the result has at most that much of each, and comes as
            close to the tightest as multiples of eight channels allow. `latency`, which is measured of the int8 file,
            stands alone.
        floor: Fraction of every group's channels that stays.
        probes: Measurements of `latency`.
    """

    fractions: Mapping[Measure | Literal["latency"], float]
    floor: float = FLOOR
    probes: int = 6


@dataclass(frozen=True)
class Ranking:
    """Which channels leave.

    Attributes:
        criterion: Which of a group.
        ratios: How many of each group: by one ranking of all (`global`), or by what each cut alone does to the
            validation loss (`sensitivity`).
        seed: Of what is random in it, and of the examples that the result is compared with the masked original on.
    """

    criterion: Criterion = "l2"
    ratios: Literal["global", "sensitivity"] = "global"
    seed: int = 0


@dataclass(frozen=True)
class Cut:
    """What was done to one group: the layers that make its channels, and how many there were and are."""

    layers: tuple[str, ...]
    before: int
    after: int


@dataclass(frozen=True)
class Pruned:
    """A narrower model.

    Attributes:
        model: Functional, of the same depth.
        cuts: Every group, also those that stayed whole.
        macs_before: Multiply-accumulates of the model that was cut.
        macs: Of `model`, counted in its graph.
        difference: Largest difference to the masked original, over its largest output.
        kept: Of each measure of the target, the fraction of the whole model that is left.
    """

    model: KerasModel
    cuts: tuple[Cut, ...]
    macs_before: int
    macs: int
    difference: float
    kept: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Whole:
    """The model before its first cut: what fractions and floors are of.

    Attributes:
        model: As it was.
        data: What its int8 file is calibrated on and run on, for `latency` alone.
        section: Who prunes it, and refuses.
    """

    model: KerasModel
    data: TrainingData | None = None
    section: Section = "prune"

    @cached_property
    def channels(self) -> Channels:
        """Return its channels."""
        return trace_channels(self.model, self.section)

    @cached_property
    def sizes(self) -> Mapping[tuple[str, ...], int]:
        """Return how many channels each group has, by the layers that make it."""
        return {group.layers: len(group.units) for group in self.channels.groups}

    @cached_property
    def stopwatch(self) -> Stopwatch:
        """Return what others are timed against; it is converted once for all rounds."""
        if self.data is None:
            raise ValueError("the target latency needs data")
        return Stopwatch(self.model, self.data.train.take(slice(CALIBRATION_EXAMPLES)).examples)

    def cost(self, measure: Measure) -> int:
        """Return what it costs."""
        return cost_of(self.model, self.channels, measure).of(np.array(list(self.sizes.values())))


def prune_channels(
    model: KerasModel,
    target: Target,
    ranking: Ranking,
    *,
    data: TrainingData | None = None,
    whole: Whole | None = None,
) -> Pruned:
    """Remove the channels that matter least until the model meets its target.

    Args:
        model: A functional or Sequential tf_keras model. It stays as it is.
        target: How small it gets.
        ranking: What leaves.
        data: What `taylor`, `sensitivity` and `latency` look at, and they alone.
        whole: The model before its first cut, where this is not the first.

    Raises:
        Refused: A layer that cannot be followed, weights that cannot be ranked, or a target out of reach.
        AssertionError: The result is not the masked original, or costs something else than was calculated.
    """
    section = whole.section if whole else "prune"
    flat = functional(model, section)
    cutter = _Cutter(flat, trace_channels(flat, section), whole or Whole(flat, data), ranking, data)
    if not cutter.channels.groups:
        raise refuse(
            f"{section} finds no channels to remove in {flat.name}",
            expected="a layer that makes channels, between the model's input and its logits",
            got="none: every channel belongs to the input or the output",
            fix=f"use {section}.method magnitude or 2:4, or train a deeper baseline",
        )
    widths = cutter.widths(target)
    small, difference = cutter.cut(widths)
    macs, calculated = count_macs(small), cutter.cost("macs").of(widths)
    if macs != calculated:
        raise AssertionError(f"the pruned model costs {macs} MACs, {calculated} were calculated")
    groups = cutter.channels.groups
    cuts = tuple(Cut(group.layers, len(group.units), int(width)) for group, width in zip(groups, widths, strict=True))
    return Pruned(small, cuts, count_macs(flat), macs, difference, cutter.kept(target, widths))


@dataclass(frozen=True)
class _Cutter:
    """A traced model, and what is known of its channels."""

    flat: KerasModel
    channels: Channels
    whole: Whole
    ranking: Ranking
    data: TrainingData | None
    timed: dict[tuple[int, ...], float] = field(default_factory=dict)
    """The latency of widths that were measured, as a fraction of the whole model's."""

    @cached_property
    def scores(self) -> Scores:
        return unit_scores(self.flat, self.channels, self.ranking.criterion, data=self.data, seed=self.ranking.seed)

    def cost(self, measure: Measure) -> Cost:
        return cost_of(self.flat, self.channels, measure)

    def widths(self, target: Target) -> Widths:
        """Choose the width of each group."""
        if "latency" not in target.fractions:
            bounds = [self.bound(measure, kept) for measure, kept in target.fractions.items() if measure != "latency"]
            return choose_widths(self.options(target, bounds), bounds)
        cost, full, section = self.cost("macs"), self.whole.cost("macs"), self.whole.section
        options = self.options(target, [Bound(cost, 1.0, full, section)])

        def ratio(fraction: float) -> float:
            widths = choose_widths(options, [Bound(cost, fraction, full, section)])
            kept = self.whole.stopwatch.ratio(self.cut(widths)[0])
            self.timed[tuple(map(int, widths))] = kept
            print(f"{section}: {cost.of(widths) / full:.1%} of the MACs take {kept:.1%} of the int8 latency")
            return kept

        least, most = (min(1.0, cost.of(widths) / full) for widths in (options.narrowest, options.widest))
        fraction = widest_within(ratio, least, target.fractions["latency"], target.probes, most=most, section=section)
        return choose_widths(options, [Bound(cost, fraction, full, section)])

    def kept(self, target: Target, widths: Widths) -> dict[str, float]:
        """Return what fraction of each measure of the target these widths leave; of a latency where it was measured."""
        fractions: dict[str, float] = {}
        for measure, fraction in target.fractions.items():
            if measure == "latency":
                timed = self.timed.get(tuple(map(int, widths)))
                fractions |= {} if timed is None else {measure: timed}
            else:
                bound = self.bound(measure, fraction)
                fractions[measure] = bound.cost.of(widths) / bound.full
        return fractions

    def bound(self, measure: Measure, kept: float) -> Bound:
        """Return what the model may have of a measure."""
        return Bound(self.cost(measure), kept, self.whole.cost(measure), self.whole.section)

    def options(self, target: Target, bounds: Sequence[Bound]) -> WidthOptions:
        """Return the allowed widths, and the importance of each block by the ranking."""
        allowed = [
            allowed_widths(len(group.units), target.floor, self.whole.sizes.get(group.layers))
            for group in self.channels.groups
        ]
        if self.ranking.ratios == "global":
            return options_by_rank(self.channels, self.scores, allowed)
        if self.data is None:
            raise ValueError("ratios by sensitivity need data")
        return options_by_sensitivity(self._losses(self.data, allowed), allowed, [bound.cost for bound in bounds])

    def _losses(self, data: TrainingData, allowed: Sequence[tuple[int, ...]]) -> list[list[float]]:
        chosen = np.random.default_rng(self.ranking.seed).permutation(len(data.validation.targets))[:EXAMPLES]
        part = data.validation.take(chosen)
        held = Part(part.stored(), part.targets, part.preprocessing)  # a look a width: read once, as stored
        size = batch_size(self.flat, BATCH)
        curves = losses_alone(
            self.flat,
            self.channels,
            self.scores,
            allowed,
            batches=lambda: (batch.inputs for batch in held.blocks(size)),
            labels=part.targets,
            problem=data.problem,
        )
        for group, option, curve in zip(self.channels.groups, allowed, curves, strict=True):
            points = ", ".join(f"{width}: {loss:.3f}" for width, loss in zip(option, curve, strict=True))
            print(
                f"{self.whole.section}: validation loss with {visible(' + '.join(group.layers))} cut alone to {points}"
            )
        return curves

    def cut(self, widths: Widths) -> tuple[KerasModel, float]:
        """Return the narrower model, and how far it is from the masked original."""
        keep = kept_units(self.channels, self.scores, widths)
        small = shrink(self.flat, self.channels, keep)
        difference = check_equivalence(small, masked_copy(self.flat, self.channels, keep), seed=self.ranking.seed)
        return small, difference
