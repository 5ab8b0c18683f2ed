"""How much a channel matters: one score a unit, agreed on by every layer that makes it.

    kernels, gammas ──► norm of each channel ──► divided by the layer's mean ──► mean over the group's layers

The division makes layers comparable, so that one ranking can hold the whole model; without it the layers with large
weights would keep all their channels. Group scores matter more than the criterion.

Source: Fang et al. 2023, DepGraph, section 3.3, https://arxiv.org/abs/2301.12900 (group scores);
Li et al. 2017, section 3.1, https://arxiv.org/abs/1608.08710 (L1);
Liu et al. 2017, section 3, https://arxiv.org/abs/1708.06519 (gamma)
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.contracts.refusal import Problem, Refused, refuse
from tasks.framework import keras
from tasks.pruning.groups import Channels

Criterion = Literal["l1", "l2", "bn_gamma"]
Scores = NDArray[np.float64]


def channel_norms(kernel: NDArray[np.float32], criterion: Literal["l1", "l2"]) -> Scores:
    """Return the norm of each output channel of a kernel, (out,).

    Args:
        kernel: (…, out).
        criterion: The sum of magnitudes, or the root of the sum of squares.
    """
    flat = kernel.reshape(-1, kernel.shape[-1]).astype(np.float64)
    norms: Scores = np.abs(flat).sum(0) if criterion == "l1" else np.sqrt((flat**2).sum(0))
    return norms


def unit_scores(model: Any, channels: Channels, criterion: Criterion) -> Scores:  # noqa: ANN401 - tf_keras has no types
    """Score every unit of a model.

    Args:
        model: The model that was traced.
        channels: Its channels.
        criterion: `l1` and `l2` look at the kernels that make a channel, depthwise ones included; `bn_gamma` at the
            scales of the batch normalisations that it passes.

    Returns:
        (channels.count,). The mean over a group's layers of what each thinks of its channels, 1.0 being the layer's
        mean. Units of no group have 0 or a score that nobody reads.

    Raises:
        Refused: Weights that are not finite, each layer by name; `bn_gamma` where a group has no normalisation.
    """
    total = np.zeros(channels.count)
    votes = np.zeros(channels.count)
    problems = []
    for name, ports in channels.ports.items():
        layer = model.get_layer(name)
        norms = _norms(layer, criterion)
        if norms is None:
            continue
        if not np.isfinite(norms).all():
            problems.append(_not_finite(layer))
            continue
        mean = norms.mean()
        np.add.at(total, ports.outputs, norms / mean if mean > 0 else norms)
        np.add.at(votes, ports.outputs, 1)
    if problems:
        raise Refused(*problems)
    for group in channels.groups:
        if not votes[group.units].all():
            raise refuse(
                f"prune cannot rank the channels of {', '.join(group.layers)} by bn_gamma",
                expected="a BatchNormalization with scale=True behind every layer that is pruned (prune.criterion)",
                got="none behind these layers",
                fix="set prune.criterion to l2 or l1, or add the normalisation",
            )
    scores: Scores = total / np.maximum(votes, 1)
    return scores


def _norms(layer: Any, criterion: Criterion) -> Scores | None:  # noqa: ANN401
    """Return what a layer thinks of each channel that it gives, or None where it has no opinion."""
    kind = type(layer)
    if criterion == "bn_gamma":
        if kind is not keras.layers.BatchNormalization or not layer.scale:
            return None
        gammas: Scores = np.abs(layer.get_weights()[0].astype(np.float64))
        return gammas
    if kind is keras.layers.DepthwiseConv2D:
        kernel = layer.get_weights()[0]
        return channel_norms(kernel.reshape(*kernel.shape[:2], -1), criterion)
    if kind in (keras.layers.Conv2D, keras.layers.Dense):
        return channel_norms(layer.get_weights()[0], criterion)
    if kind is keras.layers.SeparableConv2D:
        return channel_norms(layer.get_weights()[1], criterion)
    return None


def _not_finite(layer: Any) -> Problem:  # noqa: ANN401
    weights = np.concatenate([weight.ravel() for weight in layer.get_weights()])
    return Problem(
        f"prune cannot rank the channels of {layer.name}",
        "finite weights",
        f"{int((~np.isfinite(weights)).sum())} of {weights.size} are NaN or infinite",
        "training diverged: lower train.fit.learning_rate and run train again",
    )
