"""Telling from names which files are a source's train, validation and test split."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath

from tasks.contracts.refusal import examples, refuse
from tasks.sources.source import SourceSplit

FOLDERS: dict[str, SourceSplit] = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
"""A folder of one of these names is a split."""

FILE = re.compile(r"(train|validation|test|(?:valid|val|dev)(?![a-z]))", re.IGNORECASE)
"""How the name of a file that is a part of a split begins."""

ORDER: tuple[SourceSplit, ...] = ("all", "train", "validation", "test")


def split_of_file(name: str) -> SourceSplit | None:
    """Return the split of `train-0001.parquet` or `data/train/0001.parquet`, None of any other name."""
    path = PurePosixPath(name)
    begin = FILE.match(path.name)
    if begin:
        return FOLDERS[begin.group(1).lower()]
    return next((FOLDERS[part.lower()] for part in path.parts[:-1] if part.lower() in FOLDERS), None)


def group_by_split(
    uri: str, names: Iterable[str], split_of: Callable[[str], SourceSplit | None] = split_of_file
) -> dict[SourceSplit, list[str]]:
    """Return the files of each split in order, under `all` where no name tells.

    Raises:
        Refused: Some files name a split and others do not, or there is no train among them.
    """
    found: dict[SourceSplit | None, list[str]] = {}
    for name in names:
        found.setdefault(split_of(name), []).append(name)
    if None in found and len(found) > 1:
        raise refuse(
            f"preprocess cannot tell the split of every file of {uri}",
            expected="files that begin with train, validation or test (or lie in such a folder), or none that does",
            got=examples(found[None]),
            fix="rename or remove these files, or make data.source the folder of those that count",
        )
    if None in found:
        return {"all": found[None]}
    if "train" not in found:
        raise refuse(
            f"preprocess finds no train split in {uri}",
            expected="files that begin with train, or none that names a split",
            got=examples(name for files in found.values() for name in files),
            fix="add the files of the train split, or rename these so that they are split by data.test_fraction",
        )
    return {split: found[split] for split in ORDER if split in found}
