"""What a round holds: which points may have their lanes side by side, and where a search begins."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence

from featherline.tasks.contracts.auto import Auto, PipelinePoint
from featherline.tasks.contracts.steps.choose import ChosenArchitecture
from featherline.tasks.planning.auto.grid import Work, points, shared_work
from featherline.tasks.planning.auto.presets import presets


class Round:
    """The points of a round, while they are gathered.

    Of two points that share a training which no earlier lane has done, only one gets a lane: side by side both would
    train it, a round later the other one finds it done.

    Attributes:
        points: In the order in which they were taken.
    """

    def __init__(self, lanes: int, done: Iterable[Work] = ()) -> None:
        """Begin a round of at most `lanes` points, when the trainings `done` are there."""
        self.points: list[PipelinePoint] = []
        self._lanes = lanes
        self._done = set(done)
        self._under_way: set[Work] = set()

    @property
    def full(self) -> bool:
        """Return whether no further point has a place."""
        return len(self.points) >= self._lanes

    def add(self, point: PipelinePoint) -> None:
        """Take a point, unless it is there, has no place, or another one is about to do the same training."""
        work = set(shared_work(point)) - self._done
        if self.full or point in self.points or work & self._under_way:
            return
        self.points.append(point)
        self._under_way |= work


def first_points(
    auto: Auto, architectures: Sequence[ChosenArchitecture], *, seed: int, fits: Callable[[PipelinePoint], bool]
) -> list[PipelinePoint]:
    """Return the points of the first round: the presets that fit the device; where none does, others by lot."""
    taken = Round(auto.lanes)
    for point in filter(fits, presets(auto, architectures)):
        taken.add(point)
    if not taken.points:
        rest = points(auto, architectures)
        random.Random(seed).shuffle(rest)  # noqa: S311 - no secret
        for point in filter(fits, rest):
            taken.add(point)
    return taken.points
