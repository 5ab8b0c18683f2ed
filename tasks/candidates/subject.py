"""A candidate before the gate: what its lane claims, and how that compares."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.candidates.compare import Comparison
from tasks.candidates.measured import Measured


@dataclass(frozen=True)
class Subject:
    """A candidate before the gate.

    Attributes:
        label: Its name, or its lane's number where the name is none.
        measured: What its lane claims.
        fault: Why the claim is no evidence; empty where it is.
        drop: Against the float baseline.
        class_drop: The most recall that a class lost, and the class's name.
        champion_drop: Against the champion, where there is one.
    """

    label: str
    measured: Measured
    fault: str
    drop: Comparison
    class_drop: tuple[float, str]
    champion_drop: Comparison | None
