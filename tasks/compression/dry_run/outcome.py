"""What the process of a dry run is asked, and what it notes as it goes: one line when a trial begins, one when it ends.

The lines are what is left when the process dies: the trial that has begun and not ended is the one that killed it.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Literal

from featherline.tasks.contracts.base import Contract
from featherline.tasks.contracts.candidate import Candidate
from featherline.tasks.contracts.dataset import InputShape
from featherline.tasks.contracts.model import Architecture
from featherline.tasks.contracts.refusal import Problem
from featherline.tasks.contracts.transfer import NewHead

REQUEST, OUTCOMES = "request.json", "outcomes.jsonl"
NETWORK, SPACE = "the network", "the search space"
"""The trials that belong to no candidate."""


class DryRunRequest(Contract):
    """Everything that is tried, in this order: the network, one of the search space, the candidates."""

    architecture: Architecture | None
    file: str | None
    head: NewHead | None = None
    searched: Architecture | None
    """The first one of the search space."""
    candidates: tuple[Candidate, ...]
    input_shape: InputShape
    modalities: dict[str, str]
    """Of each input."""
    outputs: int
    seed: int = 0


class Outcome(Contract):
    """How far a trial came."""

    trial: str
    state: Literal["begun", "works", "fails", "unknown"]
    """`unknown`: it was killed, as when memory ran out, which says nothing of the candidate."""
    problems: tuple[dict[str, str], ...] = ()
    seconds: float = 0.0

    @property
    def said(self) -> tuple[Problem, ...]:
        """Return what is wrong."""
        return tuple(Problem(**problem) for problem in self.problems)


def failed(trial: str, *problems: Problem, seconds: float = 0.0) -> Outcome:
    """Return the outcome of a trial that was refused."""
    return Outcome(trial=trial, state="fails", problems=tuple(map(asdict, problems)), seconds=seconds)


def noted(folder: Path) -> list[Outcome]:
    """Return the lines that were written so far; a line that a kill has cut off is none."""
    path = folder / OUTCOMES
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return [Outcome.model_validate_json(line) for line in lines]


def note(folder: Path, outcome: Outcome) -> None:
    """Write a line."""
    with (folder / OUTCOMES).open("ab") as out:
        out.write(outcome.to_json().replace(b"\n", b" ") + b"\n")
