"""Why a candidate won or lost, in a sentence with its numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from featherline.tasks.contracts.measurement import Measurement
from featherline.tasks.contracts.steps.select import Objective
from featherline.tasks.contracts.words import amount, microjoules, milliseconds, percent
from featherline.tasks.judging.metrics.entries import Entry
from featherline.tasks.judging.metrics.speed import same_speed

Named = tuple[str, Measurement]
"""A candidate's name and measurement."""

COST: dict[Objective, Callable[[Measurement], float]] = {
    "size": lambda measured: measured.size_bytes,
    "latency": lambda measured: measured.latency_ms.p50,
    "macs": lambda measured: measured.macs,
    "energy": lambda measured: measured.energy_uj,
    "accuracy": lambda measured: -measured.accuracy,
}
"""What the winner has least of, by objective."""

CLOCK = "which the clock cannot tell apart"
"""Said of latencies that are nearer than two measurements of one file."""

WORDS: dict[Objective, tuple[str, str]] = {
    "size": ("smallest", "larger"),
    "latency": ("fastest", "slower"),
    "macs": ("cheapest in MACs", "costlier"),
    "energy": ("cheapest in energy", "costlier"),
    "accuracy": ("most accurate", "less accurate"),
}
"""The best and the worse, by objective."""

FORMS: dict[Objective, Callable[[float], str]] = {
    "size": "{:,.0f} bytes".format,
    "latency": milliseconds,
    "macs": "{:,.0f} MACs".format,
    "energy": microjoules,
    "accuracy": amount,
}
"""How a difference is written, and an amount of all but accuracy, by objective."""


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
    reached = percent(measured.accuracy) if objective == "accuracy" else FORMS[objective](COST[objective](measured))
    rivals = 1 + len(others)
    field = f"{best} of {rivals} that passed the gate and fit the device" if others else "the only one that passed"
    level = sum(same_speed(measured, other) for other in others) if objective == "latency" else 0
    if level:
        field = f"of the {1 + level} fastest of {rivals} that passed, {CLOCK}, the most accurate"
    smaller = baseline.size_bytes / measured.size_bytes
    drop = baseline.accuracy - measured.accuracy
    change = "as accurate" if abs(drop) < 5e-5 else f"{amount(abs(drop))} {'less' if drop > 0 else 'more'} accurate"  # noqa: PLR2004 - half of the last digit
    return f"{field} ({reached}): {smaller:.1f}x smaller than the float baseline and {change}"


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
    if dominator is not None:
        name, better = dominator
        return (
            f"dominated by {name}, which is nowhere worse: accuracy {percent(better.accuracy)} against "
            f"{percent(measured.accuracy)}, {better.size_bytes:,} against {measured.size_bytes:,} bytes, "
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
        times = f" ({cost / least:.2f}x)" if objective != "accuracy" and least > 0 else ""
        gained = measured.accuracy - best.accuracy
        but = f", though {amount(gained)} more accurate" if gained > 0 and objective != "accuracy" else ""
        return f"on the front, but {FORMS[objective](cost - least)} {worse} than {name}{times}{but}"
    told = f" ({CLOCK})" if objective == "latency" else ""
    if measured.accuracy < best.accuracy:
        return f"as good as {name} in {objective}{told}, but {amount(best.accuracy - measured.accuracy)} less accurate"
    return f"as good as {name} in {objective}{told} and accuracy; {name} comes first by name"
