"""What a training is compiled to: one thing from its first epoch to its last, or another after each thaw."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from featherline.tasks.training.parameter_groups import ParameterGroup
from featherline.tasks.training.thawing import Thawing
from featherline.tasks.training.training_step import Compiled

Compile = Callable[[Sequence[ParameterGroup] | None], Compiled]


class Phases:
    """The compiled steps of a training, by epoch."""

    def __init__(self, thawing: Thawing | None, compiled: Compiled | None, compile_groups: Compile) -> None:
        """Take what learns when; what is compiled already, where all learns throughout; and what compiles."""
        self._thawing, self._compiled, self._compile = thawing, compiled, compile_groups
        self._number = -1

    def at(self, epoch: int) -> Compiled:
        """Return what the epoch is trained with; the same object throughout a phase, since it holds the optimizer."""
        number = self._thawing.number(epoch) if self._thawing else 0
        if self._compiled is None or (self._thawing and number != self._number):
            self._compiled = self._compile(self._thawing.groups(number) if self._thawing else None)
            if self._thawing:
                print(self._thawing.in_words(number))
        self._number = number
        return self._compiled

    @property
    def last(self) -> int:
        """Return the epochs that are done when the last phase begins."""
        return self._thawing.last if self._thawing else 0
