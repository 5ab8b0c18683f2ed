"""Several sources as one, an input each: row 7 of one and row 7 of the other are one example.

    source of each input ──► [side by side] ──► one label, the inputs by name

What pairs rows in another way, by a key that both have, is a source like this one: nothing that reads a source knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.refusal import Refused, refuse
from featherline.tasks.data.sources.intake import IntakeLog
from featherline.tasks.data.sources.source import Label, Source, SourceSplit

BATCH = 1024
"""Labels at a time."""


class SourcesSideBySide:
    """Sources of the same examples in the same order."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        """Put them side by side.

        Args:
            sources: Of each input, by its name; at least one. The source gives it under this name, or nothing else.

        Raises:
            Refused: A source gives other inputs, or they differ in their splits or vocabularies.
        """
        self._sources = dict(sources)
        self._names = {name: _own_name(name, source) for name, source in sources.items()}
        self.scales: Mapping[str, float] = {name: of.scales[self._names[name]] for name, of in sources.items()}
        self._first = next(iter(sources.values()))
        self.splits = self._first.splits
        known = {name: source.vocabulary for name, source in sources.items() if source.vocabulary is not None}
        self.vocabulary = next(iter(known.values()), None)
        self.log = IntakeLog(of_inputs={name: source.log for name, source in sources.items()})
        if any(set(source.splits) != set(self.splits) for source in sources.values()):
            raise _unequal("the same splits", {name: ", ".join(source.splits) for name, source in sources.items()})
        if len(set(known.values())) > 1:
            raise _unequal("the same vocabulary", {name: ", ".join(names[:9]) for name, names in known.items()})

    def labels(self, split: SourceSplit) -> Iterator[list[Label]]:
        """Yield the labels, which every source gives alike; one that has none takes those of the others.

        Raises:
            Refused: The sources have other rows, or two of them give a row another label.
        """
        every = [chain.from_iterable(source.labels(split)) for source in self._sources.values()]
        batch: list[Label] = []
        for row, given in enumerate(zip_longest(*every, fillvalue=_NO_ROW)):
            if any(label is _NO_ROW for label in given):
                raise _unequal(
                    "as many rows of each",
                    {
                        name: f"{'only ' if label is _NO_ROW else 'more than '}{row:,} in {split}"
                        for name, label in zip(self._sources, given, strict=True)
                    },
                )
            said = [label for label in given if label is not None]
            if len(set(map(str, said))) > 1:
                raise _unequal(
                    "one label of each row",
                    {
                        name: f"{label} at {source.where(split, row)}"
                        for (name, source), label in zip(self._sources.items(), given, strict=True)
                    },
                )
            batch.append(next(iter(said), None))
            if len(batch) == BATCH:
                yield batch
                batch = []
        if batch:
            yield batch

    def examples(self, split: SourceSplit, wanted: NDArray[np.bool_]) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """Yield the row and the inputs by name."""
        every = [source.examples(split, wanted) for source in self._sources.values()]
        for given in zip(*every, strict=True):
            (row,) = {row for row, _ in given}
            pairs = zip(self._sources, given, strict=True)
            yield row, {name: example[self._names[name]] for name, (_, example) in pairs}

    def where(self, split: SourceSplit, row: int) -> str:
        """Return where a row lies in each source."""
        return " + ".join(dict.fromkeys(source.where(split, row) for source in self._sources.values()))


_NO_ROW: Any = object()


def _own_name(name: str, source: Source) -> str:
    """Return what the source itself calls the input."""
    given = list(source.scales)
    if name in given or len(given) == 1:
        return name if name in given else given[0]
    raise refuse(
        f"the input {name} is not in its source",
        expected=f"one of {', '.join(given)}",
        got=name,
        fix="name it so in data.inputs",
    )


def _unequal(expected: str, got: Mapping[str, str]) -> Refused:
    return refuse(
        f"the inputs {' and '.join(got)} are not of the same examples",
        expected=f"{expected}, in the same order",
        got="; ".join(f"{name}: {said}" for name, said in got.items()),
        fix="bring the sources of data.inputs into one order, a row of each for every example",
    )
