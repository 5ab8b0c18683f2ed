"""Widths: which are allowed, who leaves first, how close to the target, what is out of reach."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from featherline.tasks.compression.pruning.cost import Cost, cost_of
from featherline.tasks.compression.pruning.groups import Channels, Group, trace_channels
from featherline.tasks.compression.pruning.widths import Bound, allowed_widths, choose_widths, options_by_rank
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.networks.graph import functional
from featherline.tasks.networks.macs import count_macs


def chain(*sizes: int) -> tuple[Channels, Cost]:
    """Give groups of these sizes, one layer each, and a cost of in x out from layer to layer, 1 in and 1 out."""
    starts = np.cumsum([0, *sizes])
    groups = tuple(
        Group(np.arange(start, start + size), (f"layer{start}",)) for start, size in zip(starts, sizes, strict=False)
    )
    identity = np.eye(len(sizes) + 1)
    read = np.vstack([identity[-1], identity[:-1]])
    made = np.vstack([identity[:-1], identity[-1]])
    none = np.zeros((0, len(sizes) + 1))
    return Channels(int(starts[-1]), {}, groups), Cost("macs", np.ones(len(sizes) + 1), read, made, none)


def chosen(channels: Channels, scores: Any, cost: Cost, fraction: float) -> Any:
    """Choose widths by one ranking of all channels."""
    options = options_by_rank(channels, scores, [allowed_widths(len(group.units)) for group in channels.groups])
    return choose_widths(options, [Bound(cost, fraction, cost.of(options.widest))])


@pytest.mark.parametrize(
    ("channels", "widths"),
    [
        (8, (8,)),
        (5, (5,)),
        (16, (16, 8)),
        (20, (20, 16, 8)),
        (64, (64, 56, 48, 40, 32, 24, 16)),
        (60, (60, 56, 48, 40, 32, 24, 16)),
    ],
)
def test_widths_are_multiples_of_eight_above_the_floor(channels: int, widths: tuple[int, ...]) -> None:
    """Eight channels and a quarter always stay; a group of up to eight stays whole."""
    assert allowed_widths(channels) == widths


def test_the_least_important_block_leaves_first() -> None:
    """Of two groups of 16, the one whose lower half scores less is narrowed."""
    channels, cost = chain(16, 16)
    scores = np.array([1.0] * 16 + [1.0] * 8 + [0.1] * 8)

    widths = chosen(channels, scores, cost, 0.6)

    assert widths.tolist() == [16, 8]
    assert cost.of(widths) == 16 + 16 * 8 + 8


def test_what_still_fits_comes_back() -> None:
    """The small block that left first is put back once a larger one has made room for it."""
    channels, cost = chain(16, 64)
    scores = np.array([0.2] * 16 + [0.3] * 56 + [0.25] * 8)

    widths = chosen(channels, scores, cost, 0.5)

    # 16 x 64 costs 1,104. Down by rank: 8 x 64 costs 584, 8 x 56 fits with 512; 16 x 32 would cost 560.
    assert widths.tolist() == [8, 56]
    assert chosen(channels, scores, cost, 0.55).tolist() == [8, 64]


def test_the_target_itself_is_allowed() -> None:
    """A target that a model meets to the last MAC is met, not undercut."""
    channels, cost = chain(16, 16)
    exact = cost.of(np.array([16, 8])) / cost.of(np.array([16, 16]))

    widths = chosen(channels, np.ones(32), cost, exact)

    assert cost.of(widths) == cost.of(np.array([16, 8]))


def test_an_impossible_target_names_the_lowest_fraction() -> None:
    """Groups of 16 cannot fall below 8 x 8 + 16 of 288 MACs: 0.278."""
    channels, cost = chain(16, 16)

    with pytest.raises(Refused) as refusal:
        chosen(channels, np.ones(32), cost, 0.25)

    (problem,) = refusal.value.problems
    assert "impossible" in problem.what
    assert problem.expected.startswith("prune.keep_macs of at least 0.278")
    assert problem.got == "0.25 of 288 MACs; the narrowest model has 80"


def test_the_named_fraction_is_reachable() -> None:
    """The fraction that a refusal names is granted."""
    channels, cost = chain(16, 16)

    assert chosen(channels, np.ones(32), cost, 0.278).tolist() == [8, 8]


@given(fraction=st.floats(0.2, 0.99), seed=st.integers(0, 100))
def test_the_result_is_cheap_enough_and_allowed(fraction: float, seed: int) -> None:
    """Whatever the scores, every width is an allowed one and the MACs are at most the target."""
    channels, cost = chain(16, 64, 24, 40)

    widths = chosen(channels, np.random.default_rng(seed).random(channels.count), cost, fraction)

    assert all(width in allowed_widths(len(group.units)) for group, width in zip(channels.groups, widths, strict=True))
    assert cost.of(widths) <= fraction * cost.of(np.array([16, 64, 24, 40]))


def test_the_cost_of_full_widths_is_what_the_graph_costs(everything: Any) -> None:
    """The formula and the count in the graph agree, for every kind of layer."""
    flat = functional(everything)
    channels = trace_channels(flat)

    full = np.array([len(group.units) for group in channels.groups])

    assert cost_of(flat, channels).of(full) == count_macs(flat)


def test_nothing_of_worth_is_given_to_come_closer() -> None:
    """A block that scores ten times what left by rank stays, though without it the model would meet the target.

    Two groups of 16 cost 352. By rank the first is halved, which leaves 184; halving the second instead leaves 216.
    """
    channels, cost = chain(16, 16)
    cost = replace(cost, factors=np.array([5.0, 1.0, 1.0]))

    widths = chosen(channels, np.repeat([0.1, 1.0], 16), cost, 216 / 352)

    assert cost.of(np.array([16, 16])) == 352
    assert cost.of(np.array([16, 8])) == 216
    assert widths.tolist() == [8, 16]


def test_blocks_of_like_worth_are_swapped_to_come_closer() -> None:
    """Where both groups have the same score, the one whose loss meets the target is taken."""
    channels, cost = chain(16, 16)
    cost = replace(cost, factors=np.array([5.0, 1.0, 1.0]))

    assert chosen(channels, np.ones(32), cost, 216 / 352).tolist() == [16, 8]
