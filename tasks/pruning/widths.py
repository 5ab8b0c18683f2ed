"""How wide each group stays: the least important blocks of eight channels leave until the model fits its target.

    ladder ──► one ranking of all blocks ──► remove from the bottom ──► put back what still fits ──► swap to come close

Counts are multiples of eight because latency on CPUs falls in steps of eight channels, not with MACs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tasks.contracts.refusal import refuse
from tasks.pruning.cost import Cost, Widths
from tasks.pruning.groups import Channels
from tasks.pruning.opinions import Scores

BLOCK = 8
"""Channels that leave together, and the least that stay."""

FLOOR = 0.25
"""Of a group's channels, that always stays by default: a starved layer blocks everything behind it."""

CLOSE_ENOUGH = 0.01
"""Of the model's cost: within this of the target no channel is given for another only to come closer."""

ROUNDING = 1e-6
"""What a fraction of a whole number may lose in float64, so that a target that is exactly a model's cost is met."""

WORDS = {"macs": "MACs", "parameters": "parameters", "size": "estimated int8 bytes"}


def allowed_widths(channels: int, floor: float = FLOOR, whole: int | None = None) -> tuple[int, ...]:
    """Return the widths that a group of so many channels may have, widest first.

    Its own, then multiples of eight down to the larger of eight and `floor` of its channels. A group of up to eight
    channels stays whole.

    Args:
        channels: Of the group now.
        floor: Fraction that stays.
        whole: Channels that the floor is a fraction of, where the group was wider before.
    """
    least = max(BLOCK, BLOCK * int(np.ceil(floor * (whole or channels) / BLOCK)))
    narrower = range(BLOCK * ((channels - 1) // BLOCK), least - 1, -BLOCK)
    return (channels, *narrower)


@dataclass(frozen=True)
class Ladder:
    """The allowed widths of every group as rungs, 0 the widest, and what each step down costs in worth.

    Attributes:
        options: Of each group, widest first.
        worths: Of each group, what the block between a width and the next narrower one is worth; larger stays longer.
    """

    options: Sequence[tuple[int, ...]]
    worths: Sequence[Sequence[float]]

    def widths(self, rungs: list[int]) -> Widths:
        """Return the width of each group."""
        return np.array([option[rung] for option, rung in zip(self.options, rungs, strict=True)], np.intp)

    @property
    def widest(self) -> Widths:
        """Return the widths of the model as it is."""
        return self.widths([0] * len(self.options))

    @property
    def narrowest(self) -> Widths:
        """Return the widths below which nothing is allowed."""
        return self.widths([len(option) - 1 for option in self.options])


def ladder_of(channels: Channels, scores: Scores, options: Sequence[tuple[int, ...]]) -> Ladder:
    """Return the ladder on which a block is worth the mean score of its channels.

    Args:
        channels: The groups.
        scores: (channels.count,), larger matters more.
        options: The allowed widths of each group.
    """
    ranked = [np.sort(scores[group.units])[::-1] for group in channels.groups]
    worths = [
        [float(each[narrow:wide].mean()) for wide, narrow in pairwise(option)]
        for each, option in zip(ranked, options, strict=True)
    ]
    return Ladder(options, worths)


def choose_widths(ladder: Ladder, cost: Cost, fraction: float, full: int | None = None) -> Widths:
    """Choose how many units each group keeps.

    Args:
        ladder: The allowed widths and the worth of their blocks.
        cost: Of widths.
        fraction: Of the model's cost to keep, 0 < fraction < 1.
        full: The cost that `fraction` is of, where it is not that of the widest widths.

    Returns:
        (groups,) widths, each one of the allowed, whose cost is at most `fraction` of the model's.

    Raises:
        Refused: No allowed widths are that cheap; the message names the lowest fraction that is.
    """
    full = cost.of(ladder.widest) if full is None else full
    least = cost.of(ladder.narrowest)
    target = fraction * full + ROUNDING
    if least > target:
        knob, words = f"prune.{cost.measure}", WORDS[cost.measure]
        lowest = np.ceil(1000 * least / full) / 1000
        raise refuse(
            f"prune cannot bring the model to {fraction:.3g} of its {words}: impossible with these layers",
            expected=f"{knob} of at least {lowest:.3f}: every group keeps {BLOCK} channels and prune.floor of its own",
            got=f"{fraction:.3g} of {full:,} {words}; the narrowest model has {least:,}",
            fix=f"set {knob} to {lowest:.3f} or more, lower prune.floor, or train a wider baseline",
        )
    rungs = _removed(ladder, cost, target)
    rungs = _refilled(ladder, cost, target, rungs)
    return ladder.widths(_swapped(ladder, cost, target, rungs, full))


def _removed(ladder: Ladder, cost: Cost, target: float) -> list[int]:
    """Step down by the least worthy block until the model fits."""
    rungs = [0] * len(ladder.options)
    while cost.of(ladder.widths(rungs)) > target:
        movable = [group for group, rung in enumerate(rungs) if rung + 1 < len(ladder.options[group])]
        lowest = min(movable, key=lambda group: ladder.worths[group][rungs[group]])
        rungs[lowest] += 1
    return rungs


def _refilled(ladder: Ladder, cost: Cost, target: float, rungs: list[int]) -> list[int]:
    """Step up by the worthiest block that still fits, as long as there is one."""
    while True:
        wider = [
            (ladder.worths[group][rung - 1], group)
            for group, rung in enumerate(rungs)
            if rung > 0 and cost.of(ladder.widths(_moved(rungs, group, -1))) <= target
        ]
        if not wider:
            return rungs
        rungs = _moved(rungs, max(wider)[1], -1)


def _swapped(ladder: Ladder, cost: Cost, target: float, rungs: list[int], full: int) -> list[int]:
    """Narrow one group so that others can be wider, as long as this comes closer to the target from below.

    Only blocks leave that are worth no more than the worthiest that the ranking removed: without that bound a block
    that everything depends on was given away for a hundredth of the MACs (ResNet-20 on CIFAR-10 at 0.75 by sensitivity,
    not fine-tuned: 79 % instead of 85 %).
    """
    most = max((ladder.worths[group][rung - 1] for group, rung in enumerate(rungs) if rung > 0), default=-np.inf)
    while True:
        now = cost.of(ladder.widths(rungs))
        if target - now <= CLOSE_ENOUGH * full:
            return rungs
        tries = [
            _refilled_without(ladder, cost, target, _moved(rungs, group, 1), group)
            for group, rung in enumerate(rungs)
            if rung + 1 < len(ladder.options[group]) and ladder.worths[group][rung] <= most
        ]
        best = max(tries, key=lambda option: cost.of(ladder.widths(option)), default=rungs)
        if cost.of(ladder.widths(best)) <= now:
            return rungs
        rungs = best


def _refilled_without(ladder: Ladder, cost: Cost, target: float, rungs: list[int], narrowed: int) -> list[int]:
    """Step up by the most expensive block that still fits, but never in the group that was just narrowed."""
    while True:
        wider = [
            (cost.of(ladder.widths(_moved(rungs, group, -1))), group)
            for group, rung in enumerate(rungs)
            if rung > 0 and group != narrowed
        ]
        fitting = [pair for pair in wider if pair[0] <= target]
        if not fitting:
            return rungs
        rungs = _moved(rungs, max(fitting)[1], -1)


def _moved(rungs: list[int], group: int, by: int) -> list[int]:
    return [rung + by if index == group else rung for index, rung in enumerate(rungs)]
