"""Reading a data set: whole splits as arrays, as they are stored, and parts of them that are fair to the strata."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.base import digest
from featherline.tasks.contracts.dataset import Dataset, SplitName
from featherline.tasks.contracts.references import ArrayRef, EncodedRef
from featherline.tasks.store.artifacts import Store

Examples = dict[str, NDArray[Any]]
"""The inputs by name, each (n, …)."""

Targets = NDArray[Any]
"""What is to be answered, (n, …)."""


def shards(store: Store, dataset: Dataset, split: SplitName) -> Iterator[tuple[Examples, Targets]]:
    """Yield the shards of a split in order: the inputs by name, (count, …) as they are stored, and the targets."""
    for shard in dataset.splits[split].shards:
        examples = {name: store.read_array(_array(ref)) for name, ref in shard.examples.items()}
        yield examples, store.read_array(shard.targets)


def _array(ref: ArrayRef | EncodedRef) -> ArrayRef:
    if isinstance(ref, EncodedRef):
        raise TypeError("encoded examples are read by modalities.reading.open_split, which knows how to decode them")
    return ref


def read_split(store: Store, dataset: Dataset, split: SplitName) -> tuple[Examples, Targets]:
    """Return a whole split: the inputs by name, each (n, …) as it is stored, and the targets, (n, …)."""
    parts = list(shards(store, dataset, split))
    if not parts:
        empty = {name: np.zeros((0, *spec.shape), spec.dtype) for name, spec in dataset.inputs.items()}
        return empty, np.zeros(0, np.int64)
    joined = {name: np.concatenate([examples[name] for examples, _ in parts]) for name in dataset.inputs}
    return joined, np.concatenate([targets for _, targets in parts])


def read_targets(store: Store, dataset: Dataset, split: SplitName) -> Targets:
    """Return the targets of a whole split, (n, …), without its examples."""
    parts = [store.read_array(shard.targets) for shard in dataset.splits[split].shards]
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def split_digest(dataset: Dataset, split: SplitName) -> str:
    """Return one digest for the examples and targets of a split, in their order."""
    parts = dataset.splits[split].shards
    names = sorted(dataset.inputs)
    said = ["".join(shard.examples[name].sha256 for name in names) + shard.targets.sha256 for shard in parts]
    return digest("".join(said).encode())


def taken(examples: Mapping[str, NDArray[Any]], chosen: Any) -> Examples:  # noqa: ANN401 - what NumPy takes as an index
    """Return some of the examples, by what NumPy takes as an index."""
    return {name: values[chosen] for name, values in examples.items()}


def stratified(strata: NDArray[np.int64], fraction: float, seed: int) -> NDArray[np.intp]:
    """Return the sorted indices of a part of the examples that has the strata in their proportion.

    Args:
        strata: (n,).
        fraction: Of each stratum, rounded up, so that none is lost.
        seed: Of the choice.
    """
    if fraction >= 1:
        return np.arange(len(strata))
    generator = np.random.default_rng(seed)
    chosen = [
        generator.permutation(members)[: int(np.ceil(fraction * len(members)))]
        for members in (np.flatnonzero(strata == stratum) for stratum in np.unique(strata))
    ]
    return np.sort(np.concatenate(chosen))


def in_turn(strata: NDArray[np.int64], count: int) -> NDArray[np.intp]:
    """Return the places of the first `count` examples when the strata take turns, each in its own order.

    Args:
        strata: (n,).
        count: At most this many places come back; all n where there are fewer.
    """
    turns = np.zeros(len(strata), np.int64)
    for stratum in np.unique(strata):
        members = strata == stratum
        turns[members] = np.arange(members.sum())
    return np.lexsort((strata, turns))[:count]
