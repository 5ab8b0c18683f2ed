"""The bounds of the release gate: which column of the table, between what, and how people are told."""

from __future__ import annotations

import math
from dataclasses import dataclass

from featherline.tasks.contracts.quality import QualityMetric
from featherline.tasks.contracts.steps.validate_metrics import GateRules
from featherline.tasks.contracts.words import percent
from featherline.tasks.problems.protocol import Constant, Problem

QUALITY_RULES = ("min_quality", "max_drop", "max_champion_drop")
"""The rules whose margin is in the unit of the quality."""


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


def bounds_of(rules: GateRules, *, champion: bool, constant: Constant, problem: Problem) -> list[Bound]:
    """Return the bounds that these rules set; the champion's only where there is one.

    A recipe that names no floor does not get none: a candidate must then be better than a constant answer.
    """
    metric, words = problem.quality, problem.words
    found = [
        _floor(rules, constant, metric),
        Bound(
            "max_drop", "drop", None, rules.max_drop,
            f"{metric.name} at most {metric.amount(rules.max_drop)} worse than the float baseline's (gate.max_drop)",
            "compress the candidate less, fine-tune or distill it longer, or raise gate.max_drop",
        ),
        Bound(
            "max_slice_drop", "slice_drop", None, rules.max_slice_drop,
            f"no {words.slice} loses more than {metric.amount(rules.max_slice_drop)} of its {words.slice_quality} "
            "(gate.max_slice_drop)",
            f"look at the {words.unit}s of that {words.slice}, fine-tune longer, or raise gate.max_slice_drop",
        ),
        Bound(
            "min_agreement", "agreement", rules.min_agreement, 1.0,
            f"the float baseline's answer on at least {percent(rules.min_agreement)} of the {words.unit}s "
            "(gate.min_agreement)",
            "distill the candidate from the baseline, or lower gate.min_agreement",
        ),
    ]  # fmt: skip
    if champion:
        found.append(
            Bound(
                "max_champion_drop", "champion_drop", None, rules.max_champion_drop,
                f"{metric.name} at most {metric.amount(rules.max_champion_drop)} worse than the champion's "
                "(gate.max_champion_drop)",
                "keep the champion, compress less, or raise gate.max_champion_drop",
            )
        )  # fmt: skip
    return found


def _floor(rules: GateRules, constant: Constant, metric: QualityMetric) -> Bound:
    if rules.min_quality is not None:
        return Bound(
            "min_quality", "quality", *_range(metric, rules.min_quality),
            f"{metric.name} of {metric.bound_word} {metric.text(rules.min_quality)} (gate.min_quality)",
            f"train the candidate longer, compress it less, or {'lower' if metric.higher_is_better else 'raise'} "
            "gate.min_quality",
        )  # fmt: skip
    side = "above" if metric.higher_is_better else "below"
    return Bound(
        "min_quality", "quality", *_range(metric, constant.better),
        f"{metric.name} {side} {metric.text(constant.quality)}, {constant.what} (gate.min_quality is not named)",
        "train the candidate longer, compress it less, or look at whether the targets belong to the examples",
    )  # fmt: skip


def _range(metric: QualityMetric, floor: float) -> tuple[float | None, float | None]:
    """Return the least and the most that a value may be which is no worse than `floor`."""
    return (floor, metric.most) if metric.higher_is_better else (None, floor)
