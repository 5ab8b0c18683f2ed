"""Which example goes where: the source's own splits where it has them, else seeded and stratified ones.

    all ──► test (of all) ──► validation (of the rest) ──► train ──► calibration (a part of train)

Every choice is by stratum, so that a rare one is in every split as long as it has examples enough.
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
        calibration_mask: (rows,), True where an example of train is also one of calibration.
    """

    target: NDArray[np.int8]
    calibration_mask: NDArray[np.bool_]


def assign(
    strata: Mapping[SourceSplit, NDArray[np.int64]],
    *,
    test_fraction: float,
    validation_fraction: float,
    calibration_count: int,
    limit: int | None,
    seed: int,
) -> dict[SourceSplit, Assignment]:
    """Give every row of every source split its place.

    Args:
        strata: (rows,) numbers of strata by source split; `all` or `train` is one of them.
        test_fraction: Of all, where the source has no test split.
        validation_fraction: Of the rest, where the source has no validation split.
        calibration_count: Examples of train.
        limit: Examples taken of each source split.
        seed: Of every choice.

    Raises:
        Refused: A split would be empty.
    """
    targets = {split: np.full(len(rows), UNUSED, np.int8) for split, rows in strata.items()}
    for number, (split, rows) in enumerate(strata.items()):
        kept = np.arange(len(rows)) if limit is None else choose(rows, limit, (seed, 3, number))
        targets[split][kept] = 0 if split == "all" else TARGETS.index(split)
    home: SourceSplit = "all" if "all" in strata else "train"
    rest = np.flatnonzero(targets[home] == 0)
    if "test" not in strata:
        leave = 1 if "validation" in strata else 2
        test = rest[choose(strata[home][rest], round(test_fraction * len(rest)), (seed, 0), leave=leave)]
        targets[home][test] = TARGETS.index("test")
        rest = np.flatnonzero(targets[home] == 0)
    if "validation" not in strata:
        count = round(validation_fraction * len(rest))
        validation = rest[choose(strata[home][rest], count, (seed, 1), leave=1)]
        targets[home][validation] = TARGETS.index("validation")
        rest = np.flatnonzero(targets[home] == 0)
    calibration_mask = np.zeros(len(strata[home]), np.bool_)
    calibration_mask[rest[choose(strata[home][rest], calibration_count, (seed, 2))]] = True
    _check(targets)
    nothing = {split: np.zeros(len(rows), np.bool_) for split, rows in strata.items()}
    return {split: Assignment(targets[split], {**nothing, home: calibration_mask}[split]) for split in strata}


def choose(strata: NDArray[np.int64], count: int, seed: tuple[int, ...], *, leave: int = 0) -> Rows:
    """Choose examples by stratum.

    Args:
        strata: (n,) numbers of strata.
        count: How many.
        seed: Of the choice.
        leave: Examples of each stratum that stay where they are, whatever `count` asks.

    Returns:
        Sorted rows, `min(count, what may be taken)` of them, by class as `allot` says.
    """
    if len(strata) == 0:
        return np.zeros(0, np.intp)
    _, numbers, sizes = np.unique(strata, return_inverse=True, return_counts=True)
    shares = allot(np.maximum(sizes - leave, 0), count)
    shuffled = np.random.default_rng(seed).permutation(len(strata))
    by_stratum = shuffled[np.argsort(numbers[shuffled], kind="stable")]
    starts = np.repeat(np.cumsum(sizes) - sizes, sizes)
    place_in_stratum = np.arange(len(strata)) - starts
    chosen: Rows = np.sort(by_stratum[place_in_stratum < np.repeat(shares, sizes)])
    return chosen


def allot(sizes: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    """Share out `count` over strata in proportion to their sizes, by largest remainder.

    Args:
        sizes: (strata,) examples that may be taken.
        count: To share out; `sizes.sum()` where it is less.

    Returns:
        (strata,), never more than `sizes`; at least 1 for each stratum that has an example where `count` goes round.
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
            expected="at least 1 example in each of train, validation and test",
            got=", ".join(f"{count} in {name}" for name, count in sizes.items()),
            fix="give more examples, or raise data.test_fraction, data.validation_fraction or data.limit",
        )
