"""How wide each group stays: the least important blocks of eight channels leave until the model fits its target.

    scores ──► one ranking of all blocks ──► remove from the bottom ──► put back what still fits ──► swap to come close

Counts are multiples of eight because latency on CPUs falls in steps of eight channels, not with MACs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tasks.contracts.refusal import refuse
from tasks.pruning.cost import Cost, Widths
from tasks.pruning.criteria import Scores
from tasks.pruning.groups import Channels

BLOCK = 8
"""Channels that leave together, and the least that stay."""

LEAST_FRACTION = 0.25
"""Of a group's channels, that always stays: a starved layer blocks everything behind it."""

CLOSE_ENOUGH = 0.01
"""Of the model's MACs: within this of the target no channel is given for another only to come closer."""


def allowed_widths(channels: int) -> tuple[int, ...]:
    """Return the widths that a group of so many channels may have, widest first.

    Its own, then multiples of eight down to the larger of eight and a quarter of it. A group of up to eight channels
    stays whole.
    """
    floor = max(BLOCK, BLOCK * int(np.ceil(LEAST_FRACTION * channels / BLOCK)))
    narrower = range(BLOCK * ((channels - 1) // BLOCK), floor - 1, -BLOCK)
    return (channels, *narrower)


def choose_widths(channels: Channels, scores: Scores, cost: Cost, fraction: float) -> Widths:
    """Choose how many units each group keeps.

    Args:
        channels: The groups.
        scores: (channels.count,), larger matters more.
        cost: MACs by widths.
        fraction: Of the model's MACs to keep, 0 < fraction < 1.

    Returns:
        (groups,) widths, each one of `allowed_widths`, whose MACs are at most `fraction` of the model's.

    Raises:
        Refused: No allowed widths are that cheap; the message names the lowest fraction that is.
    """
    options = [allowed_widths(len(group.units)) for group in channels.groups]
    ladder = _Ladder(options, [np.sort(scores[group.units])[::-1] for group in channels.groups])
    full = cost.macs(ladder.widths([0] * len(options)))
    least = cost.macs(ladder.widths([len(option) - 1 for option in options]))
    target = fraction * full
    if least > target:
        lowest = np.ceil(1000 * least / full) / 1000
        raise refuse(
            f"prune cannot bring the model to {fraction:.3g} of its MACs: impossible with these layers",
            expected=f"prune.macs of at least {lowest:.3f}: every group keeps {BLOCK} channels and a quarter",
            got=f"{fraction:.3g} of {full:,} MACs; the narrowest model has {least:,}",
            fix=f"set prune.macs to {lowest:.3f} or more, or train a wider baseline",
        )
    rungs = _removed(ladder, cost, target)
    rungs = _refilled(ladder, cost, target, rungs)
    return ladder.widths(_swapped(ladder, cost, target, rungs, full))


@dataclass(frozen=True)
class _Ladder:
    """The allowed widths of every group as rungs, 0 the widest, and what each block of channels is worth."""

    options: list[tuple[int, ...]]
    ranked: list[Scores]

    def widths(self, rungs: list[int]) -> Widths:
        return np.array([option[rung] for option, rung in zip(self.options, rungs, strict=True)], np.intp)

    def worth(self, group: int, rung: int) -> float:
        """Return the mean score of the channels between `rung` and the next narrower one."""
        wide, narrow = self.options[group][rung], self.options[group][rung + 1]
        return float(self.ranked[group][narrow:wide].mean())


def _removed(ladder: _Ladder, cost: Cost, target: float) -> list[int]:
    """Step down by the least worthy block until the model fits."""
    rungs = [0] * len(ladder.options)
    while cost.macs(ladder.widths(rungs)) > target:
        movable = [group for group, rung in enumerate(rungs) if rung + 1 < len(ladder.options[group])]
        lowest = min(movable, key=lambda group: ladder.worth(group, rungs[group]))
        rungs[lowest] += 1
    return rungs


def _refilled(ladder: _Ladder, cost: Cost, target: float, rungs: list[int]) -> list[int]:
    """Step up by the worthiest block that still fits, as long as there is one."""
    while True:
        wider = [
            (ladder.worth(group, rung - 1), group)
            for group, rung in enumerate(rungs)
            if rung > 0 and cost.macs(ladder.widths(_moved(rungs, group, -1))) <= target
        ]
        if not wider:
            return rungs
        rungs = _moved(rungs, max(wider)[1], -1)


def _swapped(ladder: _Ladder, cost: Cost, target: float, rungs: list[int], full: int) -> list[int]:
    """Narrow one group so that others can be wider, as long as this comes closer to the target from below."""
    while True:
        macs = cost.macs(ladder.widths(rungs))
        if target - macs <= CLOSE_ENOUGH * full:
            return rungs
        tries = [
            _refilled_without(ladder, cost, target, _moved(rungs, group, 1), group)
            for group, rung in enumerate(rungs)
            if rung + 1 < len(ladder.options[group])
        ]
        best = max(tries, key=lambda option: cost.macs(ladder.widths(option)), default=rungs)
        if cost.macs(ladder.widths(best)) <= macs:
            return rungs
        rungs = best


def _refilled_without(ladder: _Ladder, cost: Cost, target: float, rungs: list[int], narrowed: int) -> list[int]:
    """Step up by the most expensive block that still fits, but never in the group that was just narrowed."""
    while True:
        wider = [
            (cost.macs(ladder.widths(_moved(rungs, group, -1))), group)
            for group, rung in enumerate(rungs)
            if rung > 0 and group != narrowed
        ]
        fitting = [pair for pair in wider if pair[0] <= target]
        if not fitting:
            return rungs
        rungs = _moved(rungs, max(fitting)[1], -1)


def _moved(rungs: list[int], group: int, by: int) -> list[int]:
    return [rung + by if index == group else rung for index, rung in enumerate(rungs)]
