"""A candidate before the gate: what its lane claims, and how that compares."""

from __future__ import annotations

import re
from dataclasses import dataclass

from featherline.tasks.judging.candidates.compare import Comparison
from featherline.tasks.judging.candidates.measured import Measured

NAME = r"^[a-z][a-z0-9._-]{0,62}$"
"""Of a candidate, as `featherline.tasks.contracts.base.Name`."""


@dataclass(frozen=True)
class Subject:
    """A candidate before the gate.

    Attributes:
        label: Its name, or its lane's number where the name is none.
        measured: What its lane claims.
        fault: Why the claim is no evidence; empty where it is.
        drop: Against the float baseline.
        slice_drop: The most quality that a slice lost, and the slice's name.
        champion_drop: Against the champion, where there is one.
    """

    label: str
    measured: Measured
    fault: str
    drop: Comparison
    slice_drop: tuple[float, str]
    champion_drop: Comparison | None


def label_of(name: object, lane: int) -> str:
    """Return a candidate's name, or `lane-<number>` where the measurement names none.

    A real candidate of that name would share its label, and two of one label fail the gate.
    """
    return name if isinstance(name, str) and re.fullmatch(NAME, name) else f"lane-{lane}"
