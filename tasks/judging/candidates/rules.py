"""The rules of the release gate: what each looks at, between what bounds, and how people are told. A rule is a row."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from featherline.tasks.contracts.quality import QualityMetric
from featherline.tasks.contracts.steps.validate_metrics import GateRules
from featherline.tasks.contracts.words import percent
from featherline.tasks.judging.candidates.subject import Subject
from featherline.tasks.problems.protocol import Constant, Problem

QUALITY_RULES = ("min_quality", "max_drop", "max_champion_drop")
"""The rules whose margin is in the unit of the quality."""


@dataclass(frozen=True)
class Bound:
    """A bound on one value of a candidate, in numbers and in words.

    Attributes:
        name: Of the rule.
        value: What it looks at; NaN where that is unknown, which no bound lets through.
        got: The same for people.
        minimum: None where there is no such bound.
        maximum: None where there is no such bound.
        expected: For people.
        fix: What they can change.
    """

    name: str
    value: Callable[[Subject], float]
    got: Callable[[Subject], str]
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
    bounds = [
        _floor(rules, constant, metric),
        Bound(
            "max_drop", lambda one: one.drop.drop, lambda one: str(one.drop), None, rules.max_drop,
            f"{metric.name} at most {metric.amount(rules.max_drop)} worse than the float baseline's (gate.max_drop)",
            "compress the candidate less, fine-tune or distill it longer, or raise gate.max_drop",
        ),
        Bound(
            "max_slice_drop", lambda one: one.slice_drop[0], _slice_got, None, rules.max_slice_drop,
            f"no {words.slice} loses more than {metric.amount(rules.max_slice_drop)} of its {words.slice_quality} "
            "(gate.max_slice_drop)",
            f"look at the {words.unit}s of that {words.slice}, fine-tune longer, or raise gate.max_slice_drop",
        ),
        Bound(
            "min_agreement", _agreement, lambda one: percent(_agreement(one)), rules.min_agreement, 1.0,
            f"the float baseline's answer on at least {percent(rules.min_agreement)} of the {words.unit}s "
            "(gate.min_agreement)",
            "distill the candidate from the baseline, or lower gate.min_agreement",
        ),
    ]  # fmt: skip
    if champion:
        bounds.append(
            Bound(
                "max_champion_drop", _champion_drop, lambda one: str(one.champion_drop), None, rules.max_champion_drop,
                f"{metric.name} at most {metric.amount(rules.max_champion_drop)} worse than the champion's "
                "(gate.max_champion_drop)",
                "keep the champion, compress less, or raise gate.max_champion_drop",
            )
        )  # fmt: skip
    return bounds


def _floor(rules: GateRules, constant: Constant, metric: QualityMetric) -> Bound:
    if rules.min_quality is not None:
        return Bound(
            "min_quality", lambda one: one.measured.quality, _quality_got, *_range(metric, rules.min_quality),
            f"{metric.name} of {metric.bound_word} {metric.text(rules.min_quality)} (gate.min_quality)",
            f"train the candidate longer, compress it less, or {'lower' if metric.higher_is_better else 'raise'} "
            "gate.min_quality",
        )  # fmt: skip
    side = "above" if metric.higher_is_better else "below"
    return Bound(
        "min_quality", lambda one: one.measured.quality, _quality_got, *_range(metric, constant.better),
        f"{metric.name} {side} {metric.text(constant.quality)}, {constant.what} (gate.min_quality is not named)",
        "train the candidate longer, compress it less, or look at whether the targets belong to the examples",
    )  # fmt: skip


def _range(metric: QualityMetric, floor: float) -> tuple[float | None, float | None]:
    """Return the least and the most that a value may be which is no worse than `floor`."""
    return (floor, metric.most) if metric.higher_is_better else (None, floor)


def _agreement(one: Subject) -> float:
    return float(one.measured.numbers["agreement"])


def _champion_drop(one: Subject) -> float:
    return one.champion_drop.drop if one.champion_drop else math.nan


def _quality_got(one: Subject) -> str:
    numbers, metric = one.measured.numbers, one.measured.problem.quality
    low, high = (metric.text(numbers[f"quality.{end}"]) for end in ("low", "high"))
    return f"{metric.text(one.measured.quality)} ({numbers['quality.confidence']:.0%} interval {low} to {high})"


def _slice_got(one: Subject) -> str:
    (drop, name), problem = one.slice_drop, one.measured.problem
    if math.isnan(drop):
        return f"unknown: a {problem.words.slice} has no {problem.words.slice_quality}"
    return f"{problem.quality.amount(drop)} by {problem.words.slice} {name}"
