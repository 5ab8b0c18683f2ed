"""How wide each group stays: the least important blocks of eight channels leave until the model fits its bounds.

    widths ──► one ranking of all blocks ──► remove from the bottom ──► put back what still fits ──► swap to come close

Counts are multiples of eight because latency on CPUs falls in steps of eight channels, not with MACs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from featherline.tasks.compression.pruning.cost import Cost, Widths
from featherline.tasks.compression.pruning.groups import Channels
from featherline.tasks.compression.pruning.importance import Scores
from featherline.tasks.compression.pruning.section import Section
from featherline.tasks.contracts.refusal import refuse

BLOCK = 8
"""Channels that leave together, and the least that stay."""

FLOOR = 0.25
"""Of a group's channels, that always stays by default: a starved layer blocks everything behind it."""

CLOSE_ENOUGH = 0.01
"""Of the model's cost: within this of the tightest bound no channel is given for another only to come closer."""

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
class WidthOptions:
    """The allowed widths of every group, and the importance of what each narrower one gives up.

    A choice is the place of a width among those of its group, 0 the widest.

    Attributes:
        allowed: Of each group, widest first.
        block_scores: Of each group, the importance of the block between a width and the next narrower one.
    """

    allowed: Sequence[tuple[int, ...]]
    block_scores: Sequence[Sequence[float]]

    def widths(self, choices: list[int]) -> Widths:
        """Return the width of each group."""
        return np.array([option[choice] for option, choice in zip(self.allowed, choices, strict=True)], np.intp)

    @property
    def widest(self) -> Widths:
        """Return the widths of the model as it is."""
        return self.widths([0] * len(self.allowed))

    @property
    def narrowest(self) -> Widths:
        """Return the widths below which nothing is allowed."""
        return self.widths([len(option) - 1 for option in self.allowed])


def options_by_rank(channels: Channels, scores: Scores, allowed: Sequence[tuple[int, ...]]) -> WidthOptions:
    """Return the widths with the mean score of its channels as a block's score.

    Args:
        channels: The groups.
        scores: (channels.count,), larger matters more.
        allowed: The widths of each group.
    """
    ranked = [np.sort(scores[group.units])[::-1] for group in channels.groups]
    block_scores = [
        [float(each[narrow:wide].mean()) for wide, narrow in pairwise(option)]
        for each, option in zip(ranked, allowed, strict=True)
    ]
    return WidthOptions(allowed, block_scores)


@dataclass(frozen=True)
class Bound:
    """What a model may have of one measure.

    Attributes:
        cost: Of widths.
        fraction: To keep, 0 < fraction <= 1.
        full: The cost that `fraction` is of.
        section: Who wants it.
    """

    cost: Cost
    fraction: float
    full: int
    section: Section = "prune"

    def slack(self, widths: Widths) -> float:
        """Return how far below the bound these widths are, as part of `full`; negative above it."""
        return (self.fraction * self.full + ROUNDING - self.cost.of(widths)) / self.full


def choose_widths(options: WidthOptions, bounds: Sequence[Bound]) -> Widths:
    """Choose how many units each group keeps.

    Args:
        options: The allowed widths and the scores of their blocks.
        bounds: One or more, each to be met.

    Returns:
        (groups,) widths, each one of the allowed, whose costs are at most what the bounds allow.

    Raises:
        Refused: No allowed widths are that cheap; the message names the lowest fraction that is.
    """
    for bound in bounds:
        if bound.slack(options.narrowest) < 0:
            raise _out_of_reach(bound, bound.cost.of(options.narrowest))
    within = _Within(options, bounds)
    return options.widths(within.swapped(within.refilled(within.removed())))


def _out_of_reach(bound: Bound, least: int) -> Exception:
    parameter, words = f"{bound.section}.keep_{bound.cost.measure}", WORDS[bound.cost.measure]
    lowest = np.ceil(1000 * least / bound.full) / 1000
    return refuse(
        f"{bound.section} cannot bring the model to {bound.fraction:.3g} of its {words}: impossible with these layers",
        expected=f"{parameter} of at least {lowest:.3f}: every group keeps {BLOCK} channels and"
        f" {bound.section}.floor of its own",
        got=f"{bound.fraction:.3g} of {bound.full:,} {words}; the narrowest model has {least:,}",
        fix=f"set {parameter} to {lowest:.3f} or more, lower {bound.section}.floor, or train a wider baseline",
    )


@dataclass(frozen=True)
class _Within:
    """The options, and what all bounds together leave."""

    options: WidthOptions
    bounds: Sequence[Bound]

    def slack(self, choices: list[int]) -> float:
        """Return how far below the tightest bound a choice is."""
        return min(bound.slack(self.options.widths(choices)) for bound in self.bounds)

    def removed(self) -> list[int]:
        """Remove the block of the lowest score until the model fits."""
        choices = [0] * len(self.options.allowed)
        while self.slack(choices) < 0:
            movable = [group for group, choice in enumerate(choices) if choice + 1 < len(self.options.allowed[group])]
            lowest = min(movable, key=lambda group: self.options.block_scores[group][choices[group]])
            choices[lowest] += 1
        return choices

    def refilled(self, choices: list[int]) -> list[int]:
        """Put back the block of the highest score that still fits, as long as there is one."""
        while True:
            wider = [
                (self.options.block_scores[group][choice - 1], group)
                for group, choice in enumerate(choices)
                if choice > 0 and self.slack(_moved(choices, group, -1)) >= 0
            ]
            if not wider:
                return choices
            choices = _moved(choices, max(wider)[1], -1)

    def swapped(self, choices: list[int]) -> list[int]:
        """Narrow one group so that others can be wider, as long as this comes closer to the tightest bound from below.

        Only blocks leave that score no higher than the highest that the ranking removed: without that limit a block
        that everything depends on is given away for a hundredth of the MACs.
        """
        block_scores = self.options.block_scores
        most = max(
            (block_scores[group][choice - 1] for group, choice in enumerate(choices) if choice > 0), default=-np.inf
        )
        while (now := self.slack(choices)) > CLOSE_ENOUGH:
            tries = [
                self._refilled_without(_moved(choices, group, 1), group)
                for group, choice in enumerate(choices)
                if choice + 1 < len(self.options.allowed[group]) and block_scores[group][choice] <= most
            ]
            best = min(tries, key=self.slack, default=choices)
            if self.slack(best) >= now:
                break
            choices = best
        return choices

    def _refilled_without(self, choices: list[int], narrowed: int) -> list[int]:
        """Put back the most expensive block that still fits, but never in the group that was just narrowed."""
        while True:
            wider = [
                (-self.slack(_moved(choices, group, -1)), group)
                for group, choice in enumerate(choices)
                if choice > 0 and group != narrowed
            ]
            fitting = [pair for pair in wider if pair[0] <= 0]
            if not fitting:
                return choices
            choices = _moved(choices, max(fitting)[1], -1)


def _moved(choices: list[int], group: int, by: int) -> list[int]:
    return [choice + by if index == group else choice for index, choice in enumerate(choices)]
