"""Telling from names which files and folders are a source's train, validation and test split."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath

from featherline.tasks.contracts.modalities.parameters import EXAMPLES_CALLED
from featherline.tasks.contracts.refusal import examples, refuse
from featherline.tasks.data.sources.source import SourceSplit

WORDS: dict[str, SourceSplit] = {
    "train": "train",
    "training": "train",
    "trn": "train",
    "validation": "validation",
    "validate": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "eval": "validation",
    "evaluation": "validation",
    "test": "test",
    "testing": "test",
    "tst": "test",
    "publictest": "validation",
    "privatetest": "test",
}
"""What a split is called; FER-2013 has a public and a private test."""

KINDS = "|".join(f"{word}s?" for word in EXAMPLES_CALLED)
BESIDE = f"sets?|data|datasets?|{KINDS}|samples?|splits?|folders?|files?|parts?"
"""What stands beside that word."""
_WORD = "|".join(sorted(WORDS, key=len, reverse=True))
SPELLED = re.compile(
    rf"(?:(?:seg|my|the|all|raw|{BESIDE})[\W_]+)*({_WORD})(?:[\W_]*(?:{BESIDE}))*(?:[\W_]*\d+)?", re.IGNORECASE
)
"""How a split's folder is written: training_set, seg_train, TestPhotos, val2017, data-test."""

FILE = re.compile(
    r"(train|validation|test|(?:valid|val|dev)(?![a-z]))|.*[\W_](train|training|validation|valid|val|dev|test)\.\w",
    re.IGNORECASE,
)
"""How the name of a file that is a part of a split begins, or its stem ends."""

ORDER: tuple[SourceSplit, ...] = ("all", "train", "validation", "test")


def split_of_folder(name: str) -> SourceSplit | None:
    """Return the split that a folder's name, or the value of a split column, spells; None where it spells none."""
    found = SPELLED.fullmatch(name.strip())
    return WORDS[found.group(1).lower()] if found else None


def splits_of_folders(names: Iterable[str]) -> dict[str, SourceSplit]:
    """Return which of the folders that lie side by side are splits.

    A folder is one where its name spells it, or where at least two names are alike but for the word of their split, as
    `flowers_train` and `flowers_test` are.
    """
    every = sorted(set(names))
    found = {name: split for name in every if (split := split_of_folder(name))}
    families: dict[str, dict[str, SourceSplit]] = {}
    for name in every:
        for match in re.finditer(rf"(?<![^\W_])({_WORD})(?![^\W_\d])", name, re.IGNORECASE):
            rest = f"{name[: match.start()]}*{name[match.end() :]}".lower()
            families.setdefault(rest, {})[name] = WORDS[match.group(1).lower()]
    for family in families.values():
        if len(set(family.values())) > 1:
            found |= family
    return found


def split_of_file(name: str) -> SourceSplit | None:
    """Return the split of `train-0001.parquet` or `data/train/0001.parquet`, None of any other name."""
    path = PurePosixPath(name)
    begin = FILE.match(path.name)
    if begin:
        return WORDS[(begin.group(1) or begin.group(2)).lower()]
    return next((split for part in path.parts[:-1] if (split := split_of_folder(part))), None)


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
