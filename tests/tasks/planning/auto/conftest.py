"""A lane whose figures are formulas, so that the best pipeline is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from featherline.tasks.contracts.auto import Auto, PipelinePoint
from featherline.tasks.planning.auto.grid import name_of
from featherline.tasks.planning.auto.outcomes import Outcome
from featherline.tasks.planning.auto.rounds import first_points
from featherline.tasks.planning.auto.sampler import next_points

MAX_DROP = 0.03

Search = Callable[..., list[list[Outcome]]]


def lane(point: PipelinePoint) -> Outcome:
    """Give what a lane comes to: 100 kB in proportion to its MACs, and a drop that a teacher and training mend."""
    drop = 0.08 * (1 - point.keep_macs) ** 2 * (0.4 if point.teacher else 1.0)
    drop += 0.0 if point.keep_macs == 1 else 0.004 * (10 - point.prune_epochs) / 10
    drop += 0.002 if point.qat else 0.01
    size = 100_000 * point.keep_macs
    return Outcome(
        name_of(point),
        point,
        failed=False,
        cost=size,
        quality=0.95 - drop,
        violations={"max_drop": drop - MAX_DROP},
        measured={"size_bytes": size, "macs": size, "peak_ram_bytes": size, "latency_ms_p50": size},
    )


@pytest.fixture
def auto() -> Auto:
    """Give a space of 111 lanes. The best that is good keeps a tenth of the MACs, and none of the presets does."""
    return Auto(keep_macs=(1, 0.75, 0.6, 0.5, 0.35, 0.25, 0.2, 0.15, 0.1, 0.05), prune_epochs=(2, 5, 10))


@pytest.fixture
def search() -> Search:
    """Give a whole search: rounds of outcomes, the first of them the presets'."""

    def rounds(
        auto: Auto,
        *,
        seed: int = 0,
        work: Callable[[PipelinePoint], Outcome] = lane,
        fits: Callable[[PipelinePoint], bool] | None = None,
    ) -> list[list[Outcome]]:
        allowed = fits or (lambda point: True)  # noqa: ARG005
        found = [[work(point) for point in first_points(auto, (), seed=seed, fits=allowed)]]
        while len(found) < auto.rounds:
            history: Sequence[Outcome] = [outcome for group in found for outcome in group]
            named = next_points(auto, (), history, lanes=auto.lanes, seed=seed, fits=allowed)
            found.append([work(point) for point in named])
        return found

    return rounds
