"""Which image goes where: the source's own splits where it has them, else seeded and stratified ones.

    all ──► test (of all) ──► validation (of the rest) ──► train ──► calibration (a part of train)

Every choice is by class, so that a rare class is in every split as long as it has images enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.dataset import SplitName
from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.data.sources.source import SourceSplit

TARGETS: tuple[SplitName, ...] = ("train", "validation", "test")
UNUSED = -1

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Assignment:
    """Where the rows of one source split go.

    Attributes:
        target: (rows,) int8, a place in `TARGETS`, or `UNUSED`.
        calibration_mask: (rows,), True where an image of train is also one of calibration.
    """

    target: NDArray[np.int8]
    calibration_mask: NDArray[np.bool_]


def assign(
    labels: Mapping[SourceSplit, NDArray[np.int32]],
    *,
    test_fraction: float,
    validation_fraction: float,
    calibration_count: int,
    limit: int | None,
    seed: int,
) -> dict[SourceSplit, Assignment]:
    """Give every row of every source split its place.

    Args:
        labels: (rows,) class numbers by source split; `all` or `train` is one of them.
        test_fraction: Of all, where the source has no test split.
        validation_fraction: Of the rest, where the source has no validation split.
        calibration_count: Images of train.
        limit: Images taken of each source split.
        seed: Of every choice.

    Raises:
        Refused: A split would be empty.
    """
    targets = {split: np.full(len(rows), UNUSED, np.int8) for split, rows in labels.items()}
    for number, (split, rows) in enumerate(labels.items()):
        kept = np.arange(len(rows)) if limit is None else choose(rows, limit, (seed, 3, number))
        targets[split][kept] = 0 if split == "all" else TARGETS.index(split)
    home: SourceSplit = "all" if "all" in labels else "train"
    rest = np.flatnonzero(targets[home] == 0)
    if "test" not in labels:
        leave = 1 if "validation" in labels else 2
        test = rest[choose(labels[home][rest], round(test_fraction * len(rest)), (seed, 0), leave=leave)]
        targets[home][test] = TARGETS.index("test")
        rest = np.flatnonzero(targets[home] == 0)
    if "validation" not in labels:
        count = round(validation_fraction * len(rest))
        validation = rest[choose(labels[home][rest], count, (seed, 1), leave=1)]
        targets[home][validation] = TARGETS.index("validation")
        rest = np.flatnonzero(targets[home] == 0)
    calibration_mask = np.zeros(len(labels[home]), np.bool_)
    calibration_mask[rest[choose(labels[home][rest], calibration_count, (seed, 2))]] = True
    _check(targets)
    nothing = {split: np.zeros(len(rows), np.bool_) for split, rows in labels.items()}
    return {split: Assignment(targets[split], {**nothing, home: calibration_mask}[split]) for split in labels}


def choose(labels: NDArray[np.int32], count: int, seed: tuple[int, ...], *, leave: int = 0) -> Rows:
    """Choose images by class.

    Args:
        labels: (n,) class numbers.
        count: How many.
        seed: Of the choice.
        leave: Images of each class that stay where they are, whatever `count` asks.

    Returns:
        Sorted rows, `min(count, what may be taken)` of them, by class as `allot` says.
    """
    if len(labels) == 0:
        return np.zeros(0, np.intp)
    _, numbers, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    shares = allot(np.maximum(sizes - leave, 0), count)
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    by_class = shuffled[np.argsort(numbers[shuffled], kind="stable")]
    starts = np.repeat(np.cumsum(sizes) - sizes, sizes)
    place_in_class = np.arange(len(labels)) - starts
    chosen: Rows = np.sort(by_class[place_in_class < np.repeat(shares, sizes)])
    return chosen


def allot(sizes: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    """Share out `count` over classes in proportion to their sizes, by largest remainder.

    Args:
        sizes: (classes,) images that may be taken.
        count: To share out; `sizes.sum()` where it is less.

    Returns:
        (classes,), never more than `sizes`; at least 1 for each class that has an image where `count` goes round.
    """
    count = min(count, int(sizes.sum()))
    if count == 0:
        return np.zeros_like(sizes)
    ideal = count * sizes / sizes.sum()
    least = np.minimum(sizes, 1) if count >= np.count_nonzero(sizes) else np.zeros_like(sizes)
    shares: NDArray[np.intp] = np.maximum(np.floor(ideal).astype(np.intp), least)
    while shares.sum() > count:
        shares[np.argmax(np.where(shares > least, shares - ideal, -np.inf))] -= 1
    while shares.sum() < count:
        shares[np.argmax(np.where(shares < sizes, ideal - shares, -np.inf))] += 1
    return shares


def _check(targets: dict[SourceSplit, NDArray[np.int8]]) -> None:
    counts = sum(np.bincount(target[target != UNUSED], minlength=len(TARGETS)) for target in targets.values())
    sizes = dict(zip(TARGETS, np.asarray(counts).tolist(), strict=True))
    if min(sizes.values()) == 0:
        raise refuse(
            "preprocess cannot fill every split",
            expected="at least 1 image in each of train, validation and test",
            got=", ".join(f"{count} in {name}" for name, count in sizes.items()),
            fix="give more images, or raise data.test_fraction, data.validation_fraction or data.limit",
        )
