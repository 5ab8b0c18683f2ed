"""The bounds of the release gate: which column of the table, between what, and how people are told."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from featherline.tasks.contracts.steps.validate_metrics import GateRules
from featherline.tasks.contracts.words import amount, percent

ACCURACY_RULES = ("min_accuracy", "max_drop", "max_champion_drop")
"""The rules whose margin is in points of accuracy."""


@dataclass(frozen=True)
class Bound:
    """A bound on one column of the table, in numbers and in words."""

    name: str
    column: str
    minimum: float | None
    maximum: float | None
    expected: str
    fix: str

    def margin(self, value: float) -> float | None:
        """Return the room that is left, negative where the bound is broken; None where the value is no number."""
        room = value - self.minimum if self.minimum is not None else float(self.maximum or 0.0) - value
        return round(room, 9) if math.isfinite(room) else None


class Constant(NamedTuple):
    """What a file reaches on the test split that gives the largest class for every image."""

    correct: int
    samples: int

    @property
    def accuracy(self) -> float:
        """Return the share of the largest class."""
        return self.correct / self.samples


def bounds_of(rules: GateRules, *, champion: bool, constant: Constant) -> list[Bound]:
    """Return the bounds that these rules set; the champion's only where there is one.

    A recipe that names no floor does not get none: a candidate must then be better than a constant answer.
    """
    found = [
        _floor(rules, constant),
        Bound(
            "max_drop", "drop", None, rules.max_drop,
            f"at most {amount(rules.max_drop)} less accurate than the float baseline (gate.max_drop)",
            "compress the candidate less, fine-tune or distill it longer, or raise gate.max_drop",
        ),
        Bound(
            "max_class_drop", "class_drop", None, rules.max_class_drop,
            f"no class loses more than {amount(rules.max_class_drop)} of its recall (gate.max_class_drop)",
            "look at the images of that class, fine-tune longer, or raise gate.max_class_drop",
        ),
        Bound(
            "min_agreement", "agreement", rules.min_agreement, 1.0,
            f"the float baseline's prediction on at least {percent(rules.min_agreement)} of the images "
            "(gate.min_agreement)",
            "distill the candidate from the baseline, or lower gate.min_agreement",
        ),
    ]  # fmt: skip
    if champion:
        found.append(
            Bound(
                "max_champion_drop", "champion_drop", None, rules.max_champion_drop,
                f"at most {amount(rules.max_champion_drop)} less accurate than the champion (gate.max_champion_drop)",
                "keep the champion, compress less, or raise gate.max_champion_drop",
            )
        )  # fmt: skip
    return found


def _floor(rules: GateRules, constant: Constant) -> Bound:
    if rules.min_accuracy is not None:
        return Bound(
            "min_accuracy", "accuracy", rules.min_accuracy, 1.0,
            f"accuracy of at least {percent(rules.min_accuracy)} (gate.min_accuracy)",
            "train the candidate longer, compress it less, or lower gate.min_accuracy",
        )  # fmt: skip
    return Bound(
        "min_accuracy", "accuracy", (constant.correct + 1) / constant.samples, 1.0,
        f"accuracy above {percent(constant.accuracy)}, the share of the largest class (gate.min_accuracy is not named)",
        "train the candidate longer, compress it less, or look at whether the labels belong to the images",
    )  # fmt: skip
