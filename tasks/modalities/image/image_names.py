"""The images of a place, looked up by what a table calls them: with a folder or none, with an ending or none."""

from __future__ import annotations

from collections import defaultdict
from pathlib import PurePosixPath

from featherline.tasks.data.sources.split_names import split_of_file, split_of_folder


class Images:
    """The images of a place, looked up by what a table calls them."""

    def __init__(self, names: list[str]) -> None:
        """Know these images."""
        self.names = frozenset(names)
        self._by_end: dict[str, list[str]] = defaultdict(list)
        self._by_end_in_any_case: dict[str, list[str]] = defaultdict(list)
        for name in names:
            path = PurePosixPath(name)
            for end in dict.fromkeys((path.name, path.stem)):
                self._by_end[end].append(name)
                self._by_end_in_any_case[end.casefold()].append(name)

    def find(self, text: str, table: str) -> list[str]:
        """Return the images that a cell of a table may mean: one, none, or several that it does not tell apart."""
        cell = text.strip().replace("\\", "/")
        beside = _joined(str(PurePosixPath(table).parent), cell)
        for exact in (beside, _joined("", cell)):
            if exact in self.names:
                return [exact]
        wanted = [part for part in PurePosixPath(cell).parts if part not in {"/", ".", ".."}]
        if not wanted:
            return []
        found = self._by_end.get(wanted[-1]) or self._by_end_in_any_case.get(wanted[-1].casefold(), [])
        if len(found) < 2:  # noqa: PLR2004 - nothing to tell apart
            return found
        for narrower in (_ending_like(found, wanted), _of_split(found, table), _beside(found, table)):
            if len(narrower) == 1:
                return narrower
        return found


def _joined(folder: str, name: str) -> str:
    parts: list[str] = []
    for part in (*PurePosixPath(folder).parts, *PurePosixPath(name).parts):
        if part == "..":
            parts = parts[:-1]
        elif part != "/":
            parts.append(part)
    return "/".join(parts)


def _ending_like(found: list[str], wanted: list[str]) -> list[str]:
    """Return those whose path ends like the longest part of the wanted one that any of them ends with."""
    tails = [list(PurePosixPath(name).with_suffix("").parts) for name in found]
    stem = [*wanted[:-1], PurePosixPath(wanted[-1]).stem]
    for length in range(len(stem), 1, -1):
        alike = [name for name, tail in zip(found, tails, strict=True) if tail[-length:] == stem[-length:]]
        if alike:
            return alike
    return []


def _of_split(found: list[str], table: str) -> list[str]:
    split = split_of_file(table)
    return [name for name in found if any(split_of_folder(part) == split for part in PurePosixPath(name).parts[:-1])]


def _beside(found: list[str], table: str) -> list[str]:
    folder = PurePosixPath(table).parent
    return [name for name in found if PurePosixPath(name).is_relative_to(folder)]
