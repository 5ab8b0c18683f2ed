"""How much each group hurts when it alone is cut: ratios found by trying, one group at a time.

    each group, each allowed width ──► masked channels ──► validation loss ──► loss added for what was saved

Groups that can be halved without harm are cut deep, sensitive ones hardly. The channels within a group leave in the
order of their scores. Nothing is trained in between, so this costs one look at a few hundred examples a width.

Source: Li et al. 2017, section 3.2, https://arxiv.org/abs/1608.08710 (sensitivity of single layers)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.compression.pruning.cost import Cost
from featherline.tasks.compression.pruning.groups import Channels
from featherline.tasks.compression.pruning.importance import Scores
from featherline.tasks.compression.pruning.surgery import KeepMask, mask
from featherline.tasks.compression.pruning.widths import WidthOptions
from featherline.tasks.networks.framework import KerasModel, keras, tf
from featherline.tasks.networks.inputs import Fed, as_tensors
from featherline.tasks.problems.protocol import Problem

EXAMPLES = 512
"""Of the validation split, on which the loss is measured."""

BATCH = 128
"""Examples a call, fewer of large ones: all at once would need gigabytes for their activations."""


def kept_units(channels: Channels, scores: Scores, widths: Sequence[int] | NDArray[np.intp]) -> KeepMask:
    """Mark the units to keep: in each group as many as its width, those with the largest scores; of equal the first."""
    keep = np.ones(channels.count, np.bool_)
    for group, width in zip(channels.groups, widths, strict=True):
        ranked = np.argsort(-scores[group.units], kind="stable")
        keep[group.units[ranked[int(width) :]]] = False
    return keep


def losses_alone(
    model: KerasModel,
    channels: Channels,
    scores: Scores,
    allowed: Sequence[tuple[int, ...]],
    *,
    batches: Callable[[], Iterable[Fed]],
    labels: NDArray[Any],
    problem: Problem,
) -> list[list[float]]:
    """Return the mean loss for every group at every allowed width, all other groups whole.

    Args:
        model: The flat functional model that was traced. It stays as it is.
        channels: Its channels.
        scores: Which channels of a group leave first.
        allowed: The widths of each group, its own first.
        batches: Gives the examples as the model takes them, in batches, of a sole input or several by name; a width
            is one look at all of them.
        labels: (n, …), of all batches.
        problem: Whose loss it is.
    """
    copy = keras.models.clone_model(model)
    whole = model.get_weights()
    forward = tf.function(lambda batch: copy(batch, training=False))
    widest = [option[0] for option in allowed]

    def loss(group: int, width: int) -> float:
        copy.set_weights(whole)
        mask(copy, channels, kept_units(channels, scores, [*widest[:group], width, *widest[group + 1 :]]))
        logits = [forward(as_tensors(batch)).numpy() for batch in batches()]
        return problem.mean_loss(np.concatenate(logits), labels)

    full = loss(0, widest[0])
    return [[full, *(loss(group, width) for width in option[1:])] for group, option in enumerate(allowed)]


def options_by_sensitivity(
    losses: Sequence[Sequence[float]], allowed: Sequence[tuple[int, ...]], costs: Sequence[Cost]
) -> WidthOptions:
    """Return the widths with the loss that a block's absence adds, for each part of the costs it saves, as its score.

    Args:
        losses: Of each group at each width.
        allowed: The widths of each group.
        costs: Of widths; of several the mean of the parts counts.
    """
    widest = [option[0] for option in allowed]

    def part(widths: list[int]) -> float:
        return float(np.mean([cost.of(np.array(widths)) / cost.of(np.array(widest)) for cost in costs]))

    def saved(group: int, wide: int, narrow: int) -> float:
        before, after = (part([*widest[:group], width, *widest[group + 1 :]]) for width in (wide, narrow))
        return before - after

    block_scores = [
        [
            (curve[choice + 1] - curve[choice]) / max(saved(group, option[choice], option[choice + 1]), 1e-9)
            for choice in range(len(option) - 1)
        ]
        for group, (curve, option) in enumerate(zip(losses, allowed, strict=True))
    ]
    return WidthOptions(allowed, block_scores)
