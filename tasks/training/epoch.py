"""One epoch of compiled steps: calls, those who are told of them, and what they gave."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.networks.framework import Tensor
from featherline.tasks.problems.protocol import Problem
from featherline.tasks.training.calls import Feed
from featherline.tasks.training.training_step import Compiled


def unknown_logits(batches: Sequence[NDArray[np.int64]]) -> Callable[[slice], NDArray[np.float32]]:
    """Return what gives no logits, for as many examples as a slice of the batches has."""
    return lambda span: np.zeros((sum(map(len, batches[span])), 0), np.float32)


class Epoch(NamedTuple):
    """What each step of an epoch takes.

    Attributes:
        batches: Indices of the examples of each step.
        logits: Give those of the teacher for a slice of the steps, (n, outputs); (n, 0) where they are not known.
        rates: (steps,) learning rates.
        seeds: (steps, 2) of the views.
    """

    batches: Sequence[NDArray[np.int64]]
    logits: Callable[[slice], NDArray[np.float32]]
    rates: NDArray[np.float32]
    seeds: NDArray[np.int32]


def run_epoch(compiled: Compiled, train: Feed, epoch: Epoch, problem: Problem, listeners: Any) -> tuple[float, float]:  # noqa: ANN401
    """Take a step a batch. Returns the mean loss and the quality of what the steps saw; ends at a loss not finite.

    Args:
        compiled: The steps.
        train: The examples.
        epoch: What each step takes.
        problem: What is learnt.
        listeners: Told of each call of the steps; where one of them asks to be told of each step, a call is one step.
    """
    one_by_one = any(_asks_for_steps(callback) for callback in listeners.callbacks)
    given: list[tuple[Tensor, Tensor]] = []
    for call in train.calls(epoch.batches, 1 if one_by_one else None):
        span = slice(call.first, call.last)
        listeners.on_train_batch_begin(call.first)
        given.append(compiled.train_steps(*call[2:], epoch.logits(span), epoch.rates[span], epoch.seeds[span]))
        listeners.on_train_batch_end(call.last - 1)
        if len(given) > 1 and not np.isfinite(given[-2][0]).all():  # the last one may still be under way
            break
    losses, counted = (
        np.concatenate([np.asarray(part, np.float64) for part in parts]) for parts in zip(*given, strict=True)
    )
    counts = [len(batch) for batch in epoch.batches[: len(losses)]]
    loss = sum(each * count for each, count in zip(losses.tolist(), counts, strict=True)) / sum(counts)
    return loss, problem.on_the_way(counted.sum(axis=0), sum(counts))


def _asks_for_steps(callback: Any) -> bool:  # noqa: ANN401 - of tf_keras
    """Return whether a callback does something before or after each single step."""
    return callback._implements_train_batch_hooks() and not getattr(callback, "between_calls", False)  # noqa: SLF001
