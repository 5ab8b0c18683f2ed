"""Start quantization-aware training from ranges that were seen, not guessed.

    examples ──► training passes ──► what each activation range moved by ──► what a batch had ──► widest ──► the range

TFMOT begins every activation at -6 to 6 and moves it by a thousandth of the difference a step, so that a short
fine-tuning rounds far too coarsely or cuts activations off for all of its steps. The move tells what the batch had.
Ranges in front cut what those behind see, therefore several passes. On a ResNet-20 for CIFAR-10 (float: 87.7 %) one
epoch over 3,000 examples ends at 78.7 % without this and at 87.9 % with it. Large examples go through the network a
few at a time: a range is then the widest that one of these batches had.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.networks.framework import KerasModel
from featherline.tasks.networks.inputs import Fed, batch_size, count, in_batches

DECAY = 0.999
"""Of the moving average in TFMOT's MovingAverageQuantizer."""

AT_ONCE = ("kernel", "depthwise_kernel", "quantize_layer")
"""Names of the ranges that a single pass sets: those of weights and of the model's input."""

PASSES = 8
"""At most; deep networks converge in three or four."""

CONVERGED = 0.02
"""Relative change of the ranges, all together, below which the passes end."""


def initialise_ranges(model: KerasModel, inputs: Fed) -> int:
    """Set the activation ranges of a quantization-aware model to what examples have. All other weights stay.

    Args:
        model: From `quantized_while_training`, not trained yet.
        inputs: (n, …), a few hundred, of one input or by name.

    Returns:
        The passes that were made.
    """
    names = {id(weight): weight.name.split("/")[-1].split(":")[0] for weight in model.weights}
    ranges = [weight for weight in model.weights if names[id(weight)].endswith(("_min", "_max"))]
    moving = [weight for weight in ranges if not names[id(weight)].startswith(AT_ONCE)]
    others = [weight for weight in model.weights if id(weight) not in {id(each) for each in ranges}]
    kept = [weight.numpy() for weight in others]
    size = batch_size(model, count(inputs))
    done, change = 0, np.inf
    while done < PASSES and change > CONVERGED:
        before = [weight.numpy() for weight in moving]
        batches = [_seen(model, batch, moving, before) for batch in in_batches(inputs, size)]
        seen = [
            (np.min if names[id(weight)].endswith("_min") else np.max)(values, axis=0)
            for weight, values in zip(moving, zip(*batches, strict=True), strict=True)
        ]
        _assign(moving, seen)
        _assign(others, kept)
        total = float(np.abs(np.concatenate([np.ravel(value) for value in before])).sum())
        change = sum(float(np.abs(new - old).sum()) for old, new in zip(before, seen, strict=True)) / total
        done += 1
    return done


def _seen(model: KerasModel, batch: Fed, moving: list[Any], before: list[NDArray[np.float32]]) -> list[Any]:
    """Return what each range had in a batch, by what it moved from its value before."""
    _assign(moving, before)
    model(batch, training=True)
    return [old + (weight.numpy() - old) / (1 - DECAY) for old, weight in zip(before, moving, strict=True)]


def _assign(weights: list[Any], values: list[Any]) -> None:
    for weight, value in zip(weights, values, strict=True):
        weight.assign(value)
