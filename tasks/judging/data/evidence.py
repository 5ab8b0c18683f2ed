"""The tables that the data gate judges, counted from the samples of a data set.

samples ──► splits (a row each): images, rarest class, duplicates
        ──► classes (a row each): images in train, validation, calibration, test
        ──► leaks (a row for each pair of splits): images that are in both
previous ──► channels (a row each): how far the pixels moved
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from featherline.tasks.contracts.base import Contract
from featherline.tasks.contracts.dataset import Dataset, SplitName

SPLITS: tuple[SplitName, ...] = ("train", "validation", "calibration", "test")
APART = (("train", "validation"), ("train", "test"), ("validation", "test"))
"""Splits that must not share images; train includes calibration."""


class DataStatistics(Contract):
    """What the ledger keeps of an accepted data set, so that a later one can be compared with it. All of train."""

    classes: tuple[str, ...]
    class_counts: tuple[int, ...]
    channels: int
    pixel_mean: tuple[float, ...]
    pixel_std: tuple[float, ...]


@dataclass(frozen=True)
class Leak:
    """Images that two splits share, by the digest of their pixels.

    Attributes:
        pair: "train and test", for people.
        digests: Of the images of the second split that the first has too.
    """

    pair: str
    digests: tuple[str, ...]


def statistics(dataset: Dataset) -> DataStatistics:
    """Return what a later gate wants to know of this data set."""
    train = dataset.splits["train"]
    return DataStatistics(
        classes=dataset.classes,
        class_counts=train.class_counts,
        channels=dataset.image_shape[2],
        pixel_mean=train.pixel_mean,
        pixel_std=train.pixel_std,
    )


def splits_table(samples: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    """Return a row for each split.

    Columns: `split`; `images` in the samples; `uncounted`, by which the manifest differs from them, class by class;
    `rarest_class_fraction`; `duplicate_fraction`, images beyond the first of equal ones.
    """
    rows = []
    for name in SPLITS:
        chosen = samples[samples["split"] == name]
        counts = _class_counts(chosen, len(dataset.classes))
        split = dataset.splits.get(name)
        told = np.asarray(split.class_counts if split else np.zeros_like(counts))
        images = len(chosen)
        differs = abs(images - (split.count if split else 0)) + int(np.abs(counts - told).sum())
        rows.append(
            {
                "split": name,
                "images": images,
                "uncounted": differs,
                "rarest_class_fraction": float(counts.min() / images) if images else np.nan,
                "duplicate_fraction": float(1 - chosen["sha256"].nunique() / images) if images else np.nan,
            }
        )
    return pd.DataFrame(rows)


def classes_table(samples: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    """Return a row for each class: its name in `class` and its images in a column for each split."""
    table = pd.DataFrame({"class": list(dataset.classes)})
    for name in SPLITS:
        table[name] = _class_counts(samples[samples["split"] == name], len(dataset.classes))
    return table


def leaks(samples: pd.DataFrame) -> tuple[Leak, ...]:
    """Return what each two splits that are to be apart share, a `Leak` for each pair."""
    split_of = samples["split"].replace({"calibration": "train"})
    digests = {name: samples.loc[split_of == name, "sha256"].dropna() for name in ("train", "validation", "test")}
    return tuple(
        Leak(f"{first} and {second}", tuple(digests[second][digests[second].isin(set(digests[first]))]))
        for first, second in APART
    )


def channels_table(now: DataStatistics, before: DataStatistics) -> pd.DataFrame:
    """Return a row for each channel: `mean_shift` and `std_shift`, in standard deviations of `before`."""
    spread = np.asarray(before.pixel_std)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean_shift = np.abs(np.subtract(now.pixel_mean, before.pixel_mean)) / spread
        std_shift = np.abs(np.subtract(now.pixel_std, before.pixel_std)) / spread
    return pd.DataFrame(
        {
            "channel": [str(number) for number in range(now.channels)],
            "mean_shift": np.where(np.equal(now.pixel_mean, before.pixel_mean), 0.0, mean_shift),
            "std_shift": np.where(np.equal(now.pixel_std, before.pixel_std), 0.0, std_shift),
        }
    )


def _class_counts(samples: pd.DataFrame, classes: int) -> NDArray[np.int64]:
    """Count the images of each class; labels that are no class are another rule's business."""
    labels = samples["label"].dropna().astype(np.int64)
    counts: NDArray[np.int64] = np.bincount(labels[labels.between(0, classes - 1)], minlength=classes).astype(np.int64)
    return counts
