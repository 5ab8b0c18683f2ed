"""How much a channel matters: one importance score a unit, the mean over the layers that score it.

    scores of each layer ──► divided by the layer's mean ──► mean over the group's layers ──► one ranking

The division makes layers comparable, so that one ranking can hold the whole model; without it the layers with large
weights would keep all their channels. Group scores matter more than the criterion. `random` is the control: what beats
it has found something.

Source: Fang et al. 2023, DepGraph, section 3.3, https://arxiv.org/abs/2301.12900 (group scores)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from featherline.tasks.compression.pruning.groups import Channels
from featherline.tasks.compression.pruning.importance import (
    Kernel,
    Scores,
    channel_distances,
    gammas,
    l1_norms,
    l2_norms,
    making_kernel,
)
from featherline.tasks.compression.pruning.section import Section
from featherline.tasks.compression.pruning.taylor import BATCH, gate_importance
from featherline.tasks.contracts.refusal import Problem, Refused, refuse
from featherline.tasks.contracts.steps.prune import Criterion
from featherline.tasks.networks.framework import KerasLayer, KerasModel
from featherline.tasks.networks.inputs import batch_size
from featherline.tasks.training.data import TrainingData

OF_KERNELS: dict[Criterion, Callable[[Kernel], Scores]] = {"l1": l1_norms, "l2": l2_norms, "fpgm": channel_distances}
"""The criteria that look at the kernel which makes a layer's channels, (…, out), and give each of them a score, (out,).

The other ones look at more, and are branches of `unit_scores`.
"""
SCORING_EXAMPLES = 1024
"""Of the train split, that `taylor` looks at."""


def unit_scores(
    model: KerasModel,
    channels: Channels,
    criterion: Criterion,
    *,
    data: TrainingData | None = None,
    seed: int = 0,
) -> Scores:
    """Score every unit of a model.

    Args:
        model: The model that was traced.
        channels: Its channels.
        criterion: Those of `OF_KERNELS` look at the kernels that make a channel, depthwise ones included; `bn_gamma` at
            the scales of the batch normalisations that it passes; `taylor` at the loss; `random` at nothing.
        data: What `taylor` looks at, and it alone.
        seed: Of `random`, and of the examples that `taylor` sees.

    Returns:
        (channels.count,). The mean over a group's layers of its channels' scores, 1.0 being the layer's
        mean. Units of no group have 0 or a score that nobody reads.

    Raises:
        Refused: Weights that are not finite, each layer by name; `bn_gamma` where a group has no normalisation.
        ValueError: `taylor` without data.
    """
    if criterion == "random":
        return np.random.default_rng(seed).random(channels.count)
    if criterion == "taylor":
        if data is None:
            raise ValueError("the criterion taylor needs data")
        part = data.train.take(np.random.default_rng(seed).permutation(len(data.train))[:SCORING_EXAMPLES])
        size = batch_size(model, BATCH)
        by_layer = gate_importance(
            model, ((batch.inputs, batch.targets) for batch in part.blocks(size)), data.problem.name
        )
    elif criterion == "bn_gamma":
        pairs = ((layer.name, gammas(layer)) for layer in model.layers)
        by_layer = {name: scores for name, scores in pairs if scores is not None}
    else:
        kernels = ((layer.name, making_kernel(layer)) for layer in model.layers)
        by_layer = {name: OF_KERNELS[criterion](kernel) for name, kernel in kernels if kernel is not None}
    return _mean_over_layers(model, channels, criterion, by_layer)


def _mean_over_layers(
    model: KerasModel, channels: Channels, criterion: Criterion, by_layer: Mapping[str, Scores]
) -> Scores:
    """Return the mean of the layers' scores, each in units of its own mean."""
    total = np.zeros(channels.count)
    layers_scored = np.zeros(channels.count)
    problems = []
    for name, scores in by_layer.items():
        if not np.isfinite(scores).all():
            problems.append(_not_finite(model.get_layer(name), criterion, channels.section))
            continue
        mean = scores.mean()
        units = channels.ports[name].outputs
        np.add.at(total, units, scores / mean if mean > 0 else scores)
        np.add.at(layers_scored, units, 1)
    if problems:
        raise Refused(*problems)
    for group in channels.groups:
        if not layers_scored[group.units].all():
            raise refuse(
                f"{channels.section} cannot rank the channels of {', '.join(group.layers)} by {criterion}",
                expected="a BatchNormalization with scale=True behind every layer that is pruned"
                f" ({channels.section}.criterion)",
                got="none behind these layers",
                fix=f"set {channels.section}.criterion to l2 or l1, or add the normalisation",
            )
    means: Scores = total / np.maximum(layers_scored, 1)
    return means


def _not_finite(layer: KerasLayer, criterion: Criterion, section: Section) -> Problem:
    weights = np.concatenate([weight.ravel() for weight in layer.get_weights()])
    broken = int((~np.isfinite(weights)).sum())
    got = f"{broken} of {weights.size} are NaN or infinite" if broken else f"{criterion} gives NaN or infinity"
    return Problem(
        f"{section} cannot rank the channels of {layer.name}",
        "finite weights",
        got,
        "training diverged: lower train.learning_rate, or fit.learning_rate of what trained it last, and run again",
    )
