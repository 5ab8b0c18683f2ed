"""What was read of a source and what was left out, counted while it is read.

place, source, decoder ──► IntakeLog ──► the log, Dataset.intake ──► the verdict page and the report
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from featherline.tasks.contracts.dataset import Intake, Told
from featherline.tasks.contracts.refusal import MOST_EXAMPLES
from featherline.tasks.contracts.safe_text import visible

MOST_TOLD = 40
"""Kinds of things in one data set; a source of a thousand strange endings is told with these."""


@dataclass
class Tally:
    """Things counted, the first few kept as examples.

    Attributes:
        count: All of them.
        examples: Where the first few lie, and what is wrong. Safe to print and to store.
    """

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, example: str, count: int = 1) -> None:
        """Count one more, or `count` of which one is named."""
        self.count += count
        if len(self.examples) < MOST_EXAMPLES:
            self.examples.append(visible(example))

    def __str__(self) -> str:
        more = self.count - len(self.examples)
        return f"{self.count}: {', '.join(self.examples)}" + (f" and {more} more" if more > 0 else "")


@dataclass
class IntakeLog:
    """Collects what a source, its place and the decoder have to tell.

    Attributes:
        format: Of the source.
        columns: What each column was taken for.
        left_out: By reason.
        unread: By reason: what lies where examples are expected and was not read. Held against
            `data.max_corrupt_fraction`; told as left out.
        changed: By what was done.
        of_inputs: The logs of several inputs that have a source each, by name.
    """

    format: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, Tally] = field(default_factory=dict)
    unread: dict[str, Tally] = field(default_factory=dict)
    changed: dict[str, Tally] = field(default_factory=dict)
    of_inputs: Mapping[str, IntakeLog] = field(default_factory=dict)

    def of_input(self, name: str) -> IntakeLog:
        """Return what is told of one input: its own log where it has a source of its own, else this one."""
        return self.of_inputs.get(name, self)

    def leave_out(self, reason: str, name: str, count: int = 1) -> None:
        """Count what is not read, and need not be."""
        self.left_out.setdefault(reason, Tally()).add(name, count)

    def not_read(self, reason: str, name: str) -> None:
        """Count a file that should have been an example."""
        self.unread.setdefault(reason, Tally()).add(name)

    def change(self, what: str, name: str, count: int = 1) -> None:
        """Count an example to which something was done."""
        self.changed.setdefault(what, Tally()).add(name, count)

    @property
    def unread_count(self) -> int:
        """Return how many files should have been examples."""
        return sum(tally.count for tally in self.unread.values())

    def report(self, read: Mapping[str, int]) -> Intake:
        """Return it all as the data set keeps it, ordered by count."""
        whole = self.with_inputs()
        return Intake(
            format=whole.format,
            read=dict(read),
            columns={part: visible(name) for part, name in whole.columns.items()},
            left_out=_told(whole.left_out | whole.unread),
            changed=_told(whole.changed),
        )

    def with_inputs(self) -> IntakeLog:
        """Return this log and those of the inputs as one, what an input tells under its name."""
        every = {"": self} | {f"{name}: ": log.with_inputs() for name, log in self.of_inputs.items()}

        def named(part: str) -> dict[str, Any]:
            return {f"{of}{what}": told for of, log in every.items() for what, told in getattr(log, part).items()}

        formats = [f"{of}{log.format}" for of, log in every.items() if log.format]
        return IntakeLog(", ".join(formats), named("columns"), named("left_out"), named("unread"), named("changed"))


def _told(tallies: Mapping[str, Tally]) -> tuple[Told, ...]:
    """Return the largest tallies; beyond `MOST_TOLD` the rest is one."""
    ordered = sorted(tallies.items(), key=lambda item: (-item[1].count, item[0]))
    rest = ordered[MOST_TOLD:]
    found = [
        Told(what=visible(what), count=tally.count, examples=tuple(tally.examples))
        for what, tally in ordered[:MOST_TOLD]
        if tally.count
    ]
    if rest:
        found.append(Told(what=f"of {len(rest)} more kinds", count=sum(tally.count for _, tally in rest)))
    return tuple(found)
