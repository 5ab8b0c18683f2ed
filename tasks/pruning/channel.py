"""Channel pruning in one call: the model gets physically smaller, and stays the masked original to the last digit.

model ──► functional ──► groups ──► scores ──► widths ──► surgery ──► narrower model, ready for fine-tuning
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.contracts.refusal import refuse
from tasks.pruning.cost import cost_of
from tasks.pruning.criteria import Criterion, unit_scores
from tasks.pruning.graph import functional
from tasks.pruning.groups import trace_channels
from tasks.pruning.surgery import check_equivalence, shrink, silence
from tasks.pruning.widths import choose_widths
from tasks.training.macs import count_macs


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
        macs_before: Multiply-accumulates of the original.
        macs: Of `model`, counted in its graph.
        difference: Largest difference to the masked original, over its largest output.
    """

    model: Any
    cuts: tuple[Cut, ...]
    macs_before: int
    macs: int
    difference: float


def prune_channels(model: Any, fraction: float, criterion: Criterion, *, seed: int = 0) -> Pruned:  # noqa: ANN401
    """Remove the channels that matter least until `fraction` of the MACs is left.

    Args:
        model: A functional or Sequential tf_keras model. It stays as it is.
        fraction: Of its MACs to keep, 0 < fraction < 1: the result has at most that many, and comes as close as
            multiples of eight channels allow.
        criterion: How channels are ranked.
        seed: Of the random images that the result is compared with the masked original on.

    Raises:
        Refused: A layer that cannot be followed, weights that cannot be ranked, or a fraction out of reach.
        AssertionError: The result is not the masked original, or costs something else than was calculated.
    """
    flat = functional(model)
    channels = trace_channels(flat)
    if not channels.groups:
        raise refuse(
            f"prune finds no channels to remove in {flat.name}",
            expected="a layer that makes channels, between the model's input and its logits",
            got="none: every channel belongs to the input or the output",
            fix="use prune.method magnitude or 2:4, or train a deeper baseline",
        )
    scores = unit_scores(flat, channels, criterion)
    cost = cost_of(flat, channels)
    widths = choose_widths(channels, scores, cost, fraction)
    keep = np.ones(channels.count, np.bool_)
    for group, width in zip(channels.groups, widths, strict=True):
        ranked = np.argsort(-scores[group.units], kind="stable")
        keep[group.units[ranked[width:]]] = False
    small = shrink(flat, channels, keep)
    difference = check_equivalence(small, silence(flat, channels, keep), seed=seed)
    macs = count_macs(small)
    if macs != cost.macs(widths):
        raise AssertionError(f"the pruned model costs {macs} MACs, {cost.macs(widths)} were calculated")
    cuts = tuple(
        Cut(group.layers, len(group.units), int(width)) for group, width in zip(channels.groups, widths, strict=True)
    )
    return Pruned(small, cuts, count_macs(flat), macs, difference)
