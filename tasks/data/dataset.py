"""Reading a data set: whole splits as arrays, as they are stored, and parts of them that are fair to the classes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.base import digest
from featherline.tasks.contracts.dataset import Dataset, SplitName
from featherline.tasks.store.artifacts import Store

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]


def shards(store: Store, dataset: Dataset, split: SplitName) -> Iterator[tuple[Images, Labels]]:
    """Yield the shards of a split in order: images (count, height, width, channels) uint8 and labels (count,)."""
    for shard in dataset.splits[split].shards:
        yield store.read_array(shard.images), store.read_array(shard.labels)


def read_split(store: Store, dataset: Dataset, split: SplitName) -> tuple[Images, Labels]:
    """Return a whole split: images (n, height, width, channels) uint8 and labels (n,) int64."""
    parts = list(shards(store, dataset, split))
    if not parts:
        return np.zeros((0, *dataset.image_shape), np.uint8), np.zeros(0, np.int64)
    return np.concatenate([images for images, _ in parts]), np.concatenate([labels for _, labels in parts])


def split_digest(dataset: Dataset, split: SplitName) -> str:
    """Return one digest for the images and labels of a split, in their order."""
    parts = dataset.splits[split].shards
    return digest("".join(shard.images.sha256 + shard.labels.sha256 for shard in parts).encode())


def stratified(labels: Labels, fraction: float, seed: int) -> NDArray[np.intp]:
    """Return the sorted indices of a part of the images that has the classes in their proportion.

    Args:
        labels: (n,).
        fraction: Of each class, rounded up, so that no class is lost.
        seed: Of the choice.
    """
    if fraction >= 1:
        return np.arange(len(labels))
    generator = np.random.default_rng(seed)
    chosen = [
        generator.permutation(members)[: int(np.ceil(fraction * len(members)))]
        for members in (np.flatnonzero(labels == label) for label in np.unique(labels))
    ]
    return np.sort(np.concatenate(chosen))


def in_turn(labels: Labels, count: int) -> NDArray[np.intp]:
    """Return the places of the first `count` images when the classes take turns, each in its own order.

    Args:
        labels: (n,).
        count: At most this many places come back; all n where there are fewer.
    """
    turns = np.zeros(len(labels), np.int64)
    for label in np.unique(labels):
        members = labels == label
        turns[members] = np.arange(members.sum())
    return np.lexsort((labels, turns))[:count]
