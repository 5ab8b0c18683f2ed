"""A warm start for a network that was just built: the weights of a trained relative, as far as the two agree.

    trained trials ──► the one that shares most choices ──► layers aligned by kind ──► leading channels copied

What is shared keeps its weights, and so does the shared part of a layer that got wider or narrower; the rest stays as
it was drawn. A trial that inherits stands on epochs beside its own, so its quality is that of a longer training.

Source: Real et al. 2017, https://arxiv.org/abs/1703.01041, whose children keep the weights of layers of equal shape.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any

from featherline.tasks.contracts.quality import SHARE, QualityMetric
from featherline.tasks.contracts.trials import Trial

RELATED = 0.5
"""Who shares a smaller part of the choices is no relative."""


def relative(
    trial: Trial, before: Sequence[Trial], choices: Sequence[str], metric: QualityMetric = SHARE
) -> Trial | None:
    """Return the trained trial that shares most choices with this one; of equals the best, then the latest.

    Args:
        trial: The heir.
        before: Those that it may know.
        metric: Of the trials' quality.
        choices: Of the space, where `name.N` is the N-th entry of an option that is a list.
    """
    ours = [_choice(trial, name) for name in choices]

    def shared(other: Trial) -> int:
        return sum(_choice(other, name) == mine for name, mine in zip(choices, ours, strict=True))

    def gain(other: Trial) -> float:
        return -math.inf if other.quality is None else metric.reward(other.quality)

    related = [other for other in before if other.weights is not None and shared(other) >= RELATED * len(choices)]
    return max(related, key=lambda other: (shared(other), gain(other), other.number), default=None)


def _choice(trial: Trial, name: str) -> Any:  # noqa: ANN401 - any option
    option, dot, place = name.partition(".")
    value: Any = trial.architecture.options[option]
    return value[int(place)] if dot else value


def inherit(heir: Any, parent: Any) -> float:  # noqa: ANN401 - tf_keras has no types
    """Copy a trained network's weights into another one, in place.

    Layers are aligned in their order, so that one block more shifts nothing; of two layers of different width the
    leading channels are copied.

    Args:
        heir: Just built.
        parent: Trained.

    Returns:
        The part of the heir's weights that it inherited.
    """
    ours, theirs = _weighted(heir), _weighted(parent)
    matcher = SequenceMatcher(
        None, [_kind(layer) for layer in ours], [_kind(layer) for layer in theirs], autojunk=False
    )
    copied = 0
    for mine, its, count in matcher.get_matching_blocks():
        for layer, source in zip(ours[mine : mine + count], theirs[its : its + count], strict=True):
            new = layer.get_weights()
            for target, given in zip(new, source.get_weights(), strict=True):
                common = tuple(slice(min(sizes)) for sizes in zip(target.shape, given.shape, strict=True))
                target[common] = given[common]
                copied += target[common].size
            layer.set_weights(new)
    return copied / max(1, int(heir.count_params()))


def _weighted(model: Any) -> list[Any]:  # noqa: ANN401
    return [layer for layer in model.layers if layer.weights]


def _kind(layer: Any) -> tuple[object, ...]:  # noqa: ANN401
    """Return what two layers must have in common: the class, the kernel and its stride, whether there is a bias."""
    config = layer.get_config()
    return (type(layer).__name__, *(config.get(name) for name in ("kernel_size", "strides", "use_bias")))
