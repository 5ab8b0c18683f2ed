"""Rows that lie one after another in the files of a split, and how to say which row of which file one is."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

from featherline.tasks.data.sources.source import SourceSplit


class FileRows:
    """The files of each split, and where in the split each begins."""

    def __init__(self, files: dict[SourceSplit, list[str]]) -> None:
        """Start without knowing how many rows the files have."""
        self.files = files
        self._counts: dict[SourceSplit, list[int]] = {split: [] for split in files}

    def learn(self, split: SourceSplit, counts: list[int]) -> None:
        """Take the rows of each file of `split`, those that are known so far."""
        self._counts[split] = counts

    def where(self, split: SourceSplit, row: int) -> str:
        """Return `file:row`, where the row counts from 0 within the file."""
        starts = [0, *accumulate(self._counts[split])]
        number = min(bisect_right(starts, row) - 1, len(self.files[split]) - 1)
        return f"{self.files[split][number]}:{row - starts[number]}"
