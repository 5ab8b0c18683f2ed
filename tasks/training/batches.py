"""How an epoch's examples are dealt to batches: about equally many each, and always an even number."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def epoch_order(strata: NDArray[np.int64], seed: int, round_: int, *, balanced: bool = False) -> NDArray[np.int64]:
    """Return the examples of an epoch in the order in which they are learnt from.

    Args:
        strata: (n,), of the examples.
        seed: Of the training.
        round_: Of the epoch. Equal seeds and rounds give equal orders.
        balanced: As many of each stratum, give or take one: a rare one's again and again, each before any comes once
            more, a frequent one's in part. Else every example once.

    Returns:
        (n,) indices.
    """
    generator = np.random.default_rng([seed, round_])
    if not balanced:
        return generator.permutation(len(strata))
    kinds = generator.permutation(np.unique(strata))  # the first ones have one more where n cannot be shared out
    shares = np.full(len(kinds), len(strata) // len(kinds)) + (np.arange(len(kinds)) < len(strata) % len(kinds))
    drawn = []
    for kind, share in zip(kinds, shares, strict=True):
        members = np.flatnonzero(strata == kind)
        turns = [generator.permutation(members) for _ in range(-(-int(share) // len(members)))]
        drawn.append(np.concatenate([members[:0], *turns])[:share])
    return generator.permutation(np.concatenate(drawn))


def even_batches(order: NDArray[np.int64], count: int) -> list[NDArray[np.int64]]:
    """Split an epoch's order into `count` batches of even sizes that differ by two at most.

    TensorFlow 2.21 with oneDNN corrupts the heap ("double free or corruption") in the filter gradient of a strided 1x1
    convolution of up to 12 channels, such as a pruned projection, when the batch is odd: seen at 8 -> 16 and 8 -> 24
    channels with 63 and 127 examples, never with an even number. Without oneDNN training takes twice the time.

    Args:
        order: (n,) indices of examples, n at least `count`.
        count: Batches.

    Returns:
        Every index once; in batches that would be odd, the epoch's first index once more.
    """
    parts = np.array_split(order, count)
    return [np.append(part, order[0]) if len(part) % 2 else part for part in parts]
