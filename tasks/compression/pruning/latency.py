"""How fast a narrower model is as an int8 file, measured, and the widest one that is fast enough.

    widths ──► narrower model, not trained ──► int8 file (converter's child process) ──► p50 over p50 of the whole model
       ▲                                                                                         │
       └────────────────────────── bisection over the fraction of MACs ◄────────────────────────┘

Latency does not depend on what the weights are, so nothing is trained for it. Both files run in turn on one thread of
this machine: the ratio carries over to a device better than the milliseconds, but is still one machine's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from featherline.tasks.compression.pruning.section import Section
from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.data.dataset import Examples
from featherline.tasks.measuring.int8_probe import RUNS, WARM_UP, int8_file
from featherline.tasks.measuring.latency import latency
from featherline.tasks.networks.framework import KerasModel

CLOSE_ENOUGH = 0.02
"""Of the MACs: no finer than this is searched."""


class Stopwatch:
    """Measures models against one that it was given first."""

    def __init__(self, whole: Any, examples: Examples) -> None:  # noqa: ANN401 - no types
        """Convert `whole`, which all others are compared with. The first examples calibrate, the first is run."""
        self.examples = examples
        self.base = int8_file(whole, examples)

    def ratio(self, model: KerasModel) -> float:
        """Return the median time of one inference over that of the whole model, run in turn."""
        measured = latency(int8_file(model, self.examples), self.base, threads=1, warm_up=WARM_UP, runs=RUNS, seed=0)
        if measured.baseline_p50 is None:
            raise AssertionError("a measurement against another file has that file's median")
        return measured.p50 / measured.baseline_p50


def widest_within(
    ratio_of: Callable[[float], float],
    least: float,
    target: float,
    probes: int,
    *,
    most: float = 1.0,
    section: Section = "prune",
) -> float:
    """Return the largest fraction of MACs whose model is fast enough, as far as so many probes tell.

    Args:
        ratio_of: The latency at a fraction of the MACs, over that of the whole model; about monotone.
        least: The smallest fraction that the model can be brought to.
        target: The ratio that is wanted.
        probes: Measurements, at least 1; the first is at `least`, the others halve what is left.
        most: The fraction that the model has now, less than 1 after a first cut.
        section: Who refuses.

    Raises:
        Refused: The narrowest model is not fast enough.
    """
    narrowest = ratio_of(least)
    if narrowest > target:
        raise refuse(
            f"{section} cannot bring the model to {target:.3g} of its int8 latency on this machine",
            expected=f"{section}.keep_latency of at least {narrowest:.3f}, measured at {least:.3f} of the MACs",
            got=f"{target:.3g}",
            fix=f"raise {section}.keep_latency, lower {section}.floor, or train a baseline with fewer layers",
        )
    low, high = least, most
    for _ in range(probes - 1):
        if high - low <= CLOSE_ENOUGH:
            break
        middle = (low + high) / 2
        low, high = (middle, high) if ratio_of(middle) <= target else (low, middle)
    return low
