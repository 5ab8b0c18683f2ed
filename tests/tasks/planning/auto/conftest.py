"""A lane whose figures are formulas, so that the best pipeline is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from featherline.tasks.contracts.auto import Auto, Knobs
from featherline.tasks.planning.auto.grid import name_of
from featherline.tasks.planning.auto.outcomes import Outcome
from featherline.tasks.planning.auto.rounds import first_points
from featherline.tasks.planning.auto.sampler import next_points

MAX_DROP = 0.03

Search = Callable[..., list[list[Outcome]]]


def lane(knobs: Knobs) -> Outcome:
    """Give what a lane comes to: 100 kB in proportion to its MACs, and a drop that a teacher and training mend."""
    drop = 0.08 * (1 - knobs.macs) ** 2 * (0.4 if knobs.teacher else 1.0)
    drop += 0.0 if knobs.macs == 1 else 0.004 * (10 - knobs.prune_epochs) / 10
    drop += 0.002 if knobs.aware else 0.01
    size = 100_000 * knobs.macs
    return Outcome(
        name_of(knobs),
        knobs,
        failed=False,
        cost=size,
        accuracy=0.95 - drop,
        violations={"max_drop": drop - MAX_DROP},
        measured={"size_bytes": size, "macs": size, "peak_ram_bytes": size, "latency_ms_p50": size},
    )


@pytest.fixture
def auto() -> Auto:
    """Give a space of 111 lanes. The best that is good keeps a tenth of the MACs, and none of the presets does."""
    return Auto(macs=(1, 0.75, 0.6, 0.5, 0.35, 0.25, 0.2, 0.15, 0.1, 0.05), prune_epochs=(2, 5, 10))


@pytest.fixture
def search() -> Search:
    """Give a whole search: rounds of outcomes, the first of them the presets'."""

    def rounds(
        auto: Auto,
        *,
        seed: int = 0,
        work: Callable[[Knobs], Outcome] = lane,
        fits: Callable[[Knobs], bool] | None = None,
    ) -> list[list[Outcome]]:
        allowed = fits or (lambda knobs: True)  # noqa: ARG005
        found = [[work(knobs) for knobs in first_points(auto, (), seed=seed, fits=allowed)]]
        while len(found) < auto.rounds:
            history: Sequence[Outcome] = [outcome for group in found for outcome in group]
            named = next_points(auto, (), history, lanes=auto.lanes, seed=seed, fits=allowed)
            found.append([work(knobs) for knobs in named])
        return found

    return rounds
