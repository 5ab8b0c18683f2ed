"""Several sources as one: their rows pair, or it is said what does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.data.sources.intake import IntakeLog
from featherline.tasks.data.sources.side_by_side import SourcesSideBySide
from featherline.tasks.data.sources.source import Label, SourceSplit


@dataclass
class Rows:
    """Rows of one split, held in memory."""

    name: str
    given: Sequence[Label]
    splits: tuple[SourceSplit, ...] = ("all",)
    vocabulary: tuple[str, ...] | None = None
    scales: Mapping[str, float] = field(default_factory=lambda: {"value": 10.0})
    log: IntakeLog = field(default_factory=IntakeLog)

    def labels(self, split: SourceSplit) -> Iterator[list[Label]]:  # noqa: ARG002 - there is one
        """Yield them one by one."""
        yield from ([label] for label in self.given)

    def examples(self, split: SourceSplit, wanted: NDArray[np.bool_]) -> Iterator[tuple[int, dict[str, Any]]]:  # noqa: ARG002
        """Yield the name of the source and the row."""
        for row in np.flatnonzero(wanted):
            yield int(row), dict.fromkeys(self.scales, f"{self.name}{row}")

    def where(self, split: SourceSplit, row: int) -> str:  # noqa: ARG002
        """Return name and row."""
        return f"{self.name}:{row}"


def test_a_row_of_each_is_one_example():
    """Row 0 and row 2 of both, by the names of the inputs, whatever the sources call theirs."""
    both = SourcesSideBySide({"sound": Rows("s", [1, 0, 1]), "picture": Rows("p", ["1", None, "1"])})

    found = list(both.examples("all", np.array([True, False, True])))

    assert found == [(0, {"sound": "s0", "picture": "p0"}), (2, {"sound": "s2", "picture": "p2"})]
    assert both.where("all", 2) == "s:2 + p:2"
    assert both.scales == {"sound": 10.0, "picture": 10.0}


def test_a_label_may_be_said_by_one_source_alone():
    """Where the other one has none; of two that agree it is that of the first."""
    both = SourcesSideBySide({"sound": Rows("s", [None, 0]), "picture": Rows("p", ["one", "0"])})

    assert [label for batch in both.labels("all") for label in batch] == ["one", 0]


def test_an_input_may_be_one_of_several_in_its_source():
    """The one of its name."""
    table = Rows("t", [0], scales={"left": 1.0, "right": 2.0})

    both = SourcesSideBySide({"right": table, "sound": Rows("s", [0])})

    assert both.scales == {"right": 2.0, "sound": 10.0}


@pytest.mark.parametrize(
    ("other", "got"),
    [
        (Rows("p", [0]), "sound: more than 1 in all; picture: only 1 in all"),
        (Rows("p", [0, 2]), "sound: 1 at s:1; picture: 2 at p:1"),
        (Rows("p", [0, 1], splits=("train", "test")), "sound: all; picture: train, test"),
        (Rows("p", [0, 1], scales={"a": 1.0, "b": 1.0}), "picture"),
    ],
)
def test_rows_that_do_not_pair_are_refused(other: Rows, got: str) -> None:
    """Another count, another label, other splits, an input that the source does not have."""
    with pytest.raises(Refused) as refused:
        list(SourcesSideBySide({"sound": Rows("s", [0, 1]), "picture": other}).labels("all"))

    assert refused.value.problems[0].got == got


def test_what_each_source_left_out_is_told_under_its_input():
    """And the format and the columns likewise."""
    sound, picture = Rows("s", [0]), Rows("p", [0])
    sound.log.format, picture.log.format = "wav", "csv"
    both = SourcesSideBySide({"sound": sound, "picture": picture})
    sound.log.leave_out("hidden", ".x")
    picture.log.columns["label"] = "y"

    told = both.log.report({"all": 1})

    assert told.format == "sound: wav, picture: csv"
    assert told.columns == {"picture: label": "y"}
    assert [(each.what, each.count) for each in told.left_out] == [("sound: hidden", 1)]
