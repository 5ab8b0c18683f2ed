"""The tables that the data gate judges, counted from the samples of a data set.

samples ──► splits (a row each): examples, rarest stratum, duplicates
        ──► strata (a row each): examples in train, validation, calibration, test
        ──► leaks (a row for each pair of splits): examples that are in both
previous ──► channels (a row each): how far the inputs moved
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import model_validator

from featherline.tasks.contracts.base import Contract
from featherline.tasks.contracts.dataset import SPLITS, Dataset, Profile

APART = (("train", "validation"), ("train", "test"), ("validation", "test"))
"""Splits that must not share examples; train includes calibration."""


class DataStatistics(Contract):
    """What the ledger keeps of an accepted data set, so that a later one can be compared with it. All of train."""

    format: Literal[2] = 2
    strata: tuple[str, ...]
    counts: tuple[int, ...]
    """Of each stratum."""
    profiles: dict[str, Profile]
    """Of each input."""

    @model_validator(mode="before")
    @classmethod
    def _of_format_1(cls, given: Any) -> Any:  # noqa: ANN401 - JSON
        """Take what versions kept that knew a sole input."""
        if not isinstance(given, dict) or "format" in given or "pixel_mean" not in given:
            return given
        profile = {"mean": given["pixel_mean"], "std": given["pixel_std"]}
        return {"strata": given["classes"], "counts": given["class_counts"], "profiles": {"image": profile}}

    @property
    def kind(self) -> tuple[tuple[str, ...], dict[str, int]]:
        """Return what data must have in common to be compared: the strata, and the channels of each input."""
        return self.strata, {name: len(profile.mean) for name, profile in self.profiles.items()}


@dataclass(frozen=True)
class Leak:
    """Examples that two splits share, by the digest of their values.

    Attributes:
        pair: "train and test", for people.
        digests: Of the examples of the second split that the first has too.
    """

    pair: str
    digests: tuple[str, ...]


def statistics(dataset: Dataset) -> DataStatistics:
    """Return what a later gate wants to know of this data set."""
    train = dataset.splits["train"]
    return DataStatistics(strata=dataset.strata, counts=train.strata, profiles=train.profiles)


def splits_table(samples: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    """Return a row for each split.

    Columns: `split`; `examples` in the samples; `uncounted`, by which the manifest differs from them, stratum by
    stratum; `rarest_fraction`; `duplicate_fraction`, examples beyond the first of equal ones.
    """
    rows = []
    for name in SPLITS:
        chosen = samples[samples["split"] == name]
        counts = _counts(chosen, len(dataset.strata))
        split = dataset.splits.get(name)
        told = np.asarray(split.strata if split else np.zeros_like(counts))
        count = len(chosen)
        differs = abs(count - (split.count if split else 0)) + int(np.abs(counts - told).sum())
        rows.append(
            {
                "split": name,
                "examples": count,
                "uncounted": differs,
                "rarest_fraction": float(counts.min() / count) if count else np.nan,
                "duplicate_fraction": float(1 - chosen["sha256"].nunique() / count) if count else np.nan,
            }
        )
    return pd.DataFrame(rows)


def strata_table(samples: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    """Return a row for each stratum: its name in `stratum` and its examples in a column for each split."""
    table = pd.DataFrame({"stratum": list(dataset.strata)})
    for name in SPLITS:
        table[name] = _counts(samples[samples["split"] == name], len(dataset.strata))
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
    """Return a row for each channel of each input: `mean_shift` and `std_shift`, in deviations of `before`."""
    rows: list[dict[str, float | str]] = []
    for name, profile in now.profiles.items():
        old = before.profiles[name]
        shifts = _shifts(profile.mean, old.mean, old.std), _shifts(profile.std, old.std, old.std)
        rows += [
            {"channel": f"{name} {number}", "mean_shift": float(mean), "std_shift": float(std)}
            for number, (mean, std) in enumerate(zip(*shifts, strict=True))
        ]
    return pd.DataFrame(rows)


def _shifts(now: tuple[float, ...], before: tuple[float, ...], spread: tuple[float, ...]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore", invalid="ignore"):
        moved = np.abs(np.subtract(now, before)) / np.asarray(spread)
    return np.where(np.equal(now, before), 0.0, moved)


def _counts(samples: pd.DataFrame, strata: int) -> NDArray[np.int64]:
    """Count the examples of each stratum; numbers that are none are another rule's business."""
    numbers = samples["stratum"].dropna().astype(np.int64)
    counts: NDArray[np.int64] = np.bincount(numbers[numbers.between(0, strata - 1)], minlength=strata).astype(np.int64)
    return counts
