"""Why a candidate won or lost, in a sentence with its numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from featherline.tasks.contracts.measurement import Measurement
from featherline.tasks.contracts.steps.select import Objective
from featherline.tasks.contracts.words import microjoules, milliseconds
from featherline.tasks.judging.candidates.entries import Entry
from featherline.tasks.judging.candidates.speed import same_speed

Named = tuple[str, Measurement]
"""A candidate's name and measurement."""

COST: dict[Objective, Callable[[Measurement], float]] = {
    "size": lambda measured: measured.size_bytes,
    "latency": lambda measured: measured.latency_ms.p50,
    "macs": lambda measured: measured.macs,
    "energy": lambda measured: measured.energy_uj,
    "quality": lambda measured: -measured.quality.reward,
}
"""What the winner has least of, by objective."""

CLOCK = "which the clock cannot tell apart"
"""Said of latencies that are nearer than two measurements of one file."""

WORDS: dict[Objective, tuple[str, str]] = {
    "size": ("smallest", "larger"),
    "latency": ("fastest", "slower"),
    "macs": ("cheapest in MACs", "costlier"),
    "energy": ("cheapest in energy", "costlier"),
    "quality": ("best in quality", "worse"),
}
"""The best and the worse, by objective."""

FORMS: dict[str, Callable[[float], str]] = {
    "size": "{:,.0f} bytes".format,
    "latency": milliseconds,
    "macs": "{:,.0f} MACs".format,
    "energy": microjoules,
}
"""How a difference of costs is written, by objective; of quality its metric says it."""


def why_broken(entry: Entry) -> str:
    """Return every rule that the candidate broke, with the value met."""
    return "; ".join(f"broke {breach.rule}: {breach.got}, where {breach.expected} is asked" for breach in entry.broken)


def why_won(measured: Measurement, baseline: Measurement, objective: Objective, others: Sequence[Measurement]) -> str:
    """Return what made it the winner, and what it gained and lost against the float baseline.

    Args:
        measured: The winner.
        baseline: The float baseline.
        objective: What the winner was chosen by.
        others: Who passed too.
    """
    best, _ = WORDS[objective]
    metric = measured.quality.metric
    reached = str(measured.quality) if objective == "quality" else FORMS[objective](COST[objective](measured))
    rivals = 1 + len(others)
    field = f"{best} of {rivals} that passed the gate and fit the device" if others else "the only one that passed"
    level = sum(same_speed(measured, other) for other in others) if objective == "latency" else 0
    if level:
        field = f"of the {1 + level} fastest of {rivals} that passed, {CLOCK}, the best in quality"
    smaller = baseline.size_bytes / measured.size_bytes
    drop = baseline.quality.drop_to(measured.quality)
    change = f"its {metric.name} {metric.amount(abs(drop))} {'worse' if drop > 0 else 'better'}"
    change = f"the same {metric.name}" if metric.amount(abs(drop)) == metric.amount(0.0) else change
    return f"{field} ({reached}): {smaller:.1f}x smaller than the float baseline, {change}"


def why_lost(
    measured: Measurement,
    winner: tuple[str, Measurement],
    objective: Objective,
    dominator: tuple[str, Measurement] | None,
) -> str:
    """Return why a candidate that passed everything is not the winner.

    Args:
        measured: The loser.
        winner: Its name and measurement.
        objective: What the winner was chosen by.
        dominator: Who is nowhere worse and somewhere better, if anyone.
    """
    metric = measured.quality.metric
    if dominator is not None:
        name, better = dominator
        return (
            f"dominated by {name}, which is nowhere worse: {metric.name} {better.quality} against "
            f"{measured.quality}, {better.size_bytes:,} against {measured.size_bytes:,} bytes, "
            f"{milliseconds(better.latency_ms.p50)} against {milliseconds(measured.latency_ms.p50)}"
            f"{f' ({CLOCK})' if same_speed(better, measured) else ''}, "
            f"{better.macs:,} against {measured.macs:,} MACs"
        )
    _, worse = WORDS[objective]
    name, best = winner
    cost, least = COST[objective](measured), COST[objective](best)
    if objective == "latency" and same_speed(measured, best):
        cost = least
    if cost > least:
        times = f" ({cost / least:.2f}x)" if objective != "quality" and least > 0 else ""
        gained = measured.quality.drop_to(best.quality)
        but = (
            f", though its {metric.name} is {metric.amount(gained)} better"
            if gained > 0 and objective != "quality"
            else ""
        )
        apart = FORMS.get(objective, metric.amount)(cost - least)
        return f"on the front, but {apart} {worse} than {name}{times}{but}"
    told = f" ({CLOCK})" if objective == "latency" else ""
    lost = best.quality.drop_to(measured.quality)
    if lost > 0:
        return f"as good as {name} in {objective}{told}, but its {metric.name} is {metric.amount(lost)} worse"
    return f"as good as {name} in {objective}{told} and {metric.name}; {name} comes first by name"
