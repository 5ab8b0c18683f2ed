"""How good answers are: the metric, a value of it with its interval, and the same by slice.

    metric (name, unit, direction) ──► value [low, high] ──► drop, reward, words

Whoever compares asks the metric, never the numbers: of some metrics less is better.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field

from featherline.tasks.contracts.base import Contract, Fraction
from featherline.tasks.contracts.words import amount, percent

QualityValue = Annotated[float, Field(allow_inf_nan=False)]
"""A value of the problem's metric, in its unit."""
QualityDrop = Annotated[float, Field(ge=0, allow_inf_nan=False)]
"""By how much a value may be worse, in the unit of the problem's metric."""

DROP_DECIMALS = 9
"""Of a drop: 0.98 - 0.96 is 0.020000000000000018, which must pass a rule of 0.02, whoever asks."""


class QualityMetric(Contract):
    """What a problem calls quality."""

    name: str = "quality"
    unit: str = "share"
    """`share` is told in percent, its differences in points; any other unit is written behind the number."""
    worst: QualityValue | None = 0.0
    """What no value is worse than; None where there is no such bound."""
    best: QualityValue | None = 1.0
    """What no value is better than; None where there is no such bound."""
    higher_is_better: bool = True

    @property
    def least(self) -> float | None:
        """Return the smallest value that there is, good or bad."""
        return self.worst if self.higher_is_better else self.best

    @property
    def most(self) -> float | None:
        """Return the largest value that there is, good or bad."""
        return self.best if self.higher_is_better else self.worst

    def reward(self, value: float) -> float:
        """Return the value so that more is better, whatever the metric: itself, or its negative."""
        return value if self.higher_is_better else -value

    def drop(self, before: float, after: float) -> float:
        """Return by how much `after` is worse than `before`; negative where it is better. The one rule of a drop."""
        return round(self.reward(before) - self.reward(after), DROP_DECIMALS)

    def lowered(self, value: float, allowed: float) -> float:
        """Return what is worse than a value by a drop that is allowed, and no worse than the worst there is."""
        lowest = self.reward(value) - allowed
        return self.reward(lowest if self.worst is None else max(lowest, self.reward(self.worst)))

    def best_of(self, values: Iterable[float]) -> float:
        """Return the best of the values, of which there is at least one."""
        return max(values, key=self.reward)

    def text(self, value: float) -> str:
        """Return a value for people: 0.978 is `97.80 %` of a share, and `0.978 mm` where the unit is mm."""
        return percent(value) if self.unit == "share" else f"{value:.4g} {self.unit}".rstrip()

    def amount(self, difference: float) -> str:
        """Return a difference for people, whose direction the sentence says."""
        return amount(difference) if self.unit == "share" else f"{difference:.4g} {self.unit}".rstrip()

    def told(self, value: float) -> str:
        """Return name and value: `quality 97.80 %`."""
        return f"{self.name} {self.text(value)}"

    @property
    def bound_word(self) -> Literal["at least", "at most"]:
        """Return how a bound on the value is told."""
        return "at least" if self.higher_is_better else "at most"


SHARE = QualityMetric()
"""Of what names no metric: a share, of which more is better."""


class Quality(Contract):
    """A measured value with its interval."""

    metric: QualityMetric
    value: QualityValue
    low: QualityValue
    """Of the interval, whichever end is the better one."""
    high: QualityValue
    confidence: Fraction

    def drop_to(self, after: Quality) -> float:
        """Return by how much another value of this metric is worse; negative where it is better."""
        return self.metric.drop(self.value, after.value)

    @property
    def reward(self) -> float:
        """Return the value so that more is better."""
        return self.metric.reward(self.value)

    def __str__(self) -> str:
        """Say the value."""
        return self.metric.text(self.value)


class Slice(Contract):
    """The quality of one part of a split, such as one class."""

    name: str
    samples: int = Field(ge=0)
    quality: QualityValue | None
    """None where there is no sample of it."""


def worst_slice_drop(
    before: Iterable[Slice], after: Iterable[Slice], metric: QualityMetric
) -> tuple[float, str] | None:
    """Return the most that a slice lost, and its name; None where no slice is known in both."""
    there = {each.name: each.quality for each in after}
    drops = [
        (metric.drop(each.quality, its), each.name)
        for each in before
        if each.quality is not None and (its := there.get(each.name)) is not None
    ]
    return max(drops, key=lambda drop: drop[0], default=None)
