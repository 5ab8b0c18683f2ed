"""Why a candidate won or lost, in a sentence with its numbers."""

from __future__ import annotations

from collections.abc import Callable

from tasks.candidates.entries import Entry
from tasks.contracts.gate import Objective
from tasks.contracts.measurement import Measurement

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

WORDS: dict[Objective, tuple[str, str, str]] = {
    "size": ("smallest", "larger", "{:,.0f} bytes"),
    "latency": ("fastest", "slower", "{:.4g} ms"),
    "macs": ("cheapest in MACs", "costlier", "{:,.0f} MACs"),
    "energy": ("cheapest in energy", "costlier", "{:.4g} uJ"),
    "accuracy": ("most accurate", "less accurate", "{:.4f}"),
}
"""The best, the worse, and how an amount is written, by objective."""


def why_broken(entry: Entry) -> str:
    """Return every rule that the candidate broke, with the value met."""
    return "; ".join(f"broke {breach.rule}: {breach.got}, where {breach.expected} is asked" for breach in entry.broken)


def why_won(measured: Measurement, baseline: Measurement, objective: Objective, rivals: int) -> str:
    """Return what made it the winner, and what it gained and lost against the float baseline."""
    best, _, form = WORDS[objective]
    amount = form.format(abs(COST[objective](measured)))
    field = f"{best} of {rivals} that passed the gate and fit the device" if rivals > 1 else "the only one that passed"
    smaller = baseline.size_bytes / measured.size_bytes
    drop = baseline.accuracy - measured.accuracy
    change = "as accurate" if abs(drop) < 5e-5 else f"{abs(drop):.4f} {'less' if drop > 0 else 'more'} accurate"  # noqa: PLR2004 - half of the last digit
    return f"{field} ({amount}): {smaller:.1f}x smaller than the float baseline and {change}"


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
            f"dominated by {name}, which is nowhere worse: accuracy {better.accuracy:.4f} against "
            f"{measured.accuracy:.4f}, {better.size_bytes:,} against {measured.size_bytes:,} bytes, "
            f"{better.latency_ms.p50:.4g} against {measured.latency_ms.p50:.4g} ms, "
            f"{better.macs:,} against {measured.macs:,} MACs"
        )
    _, worse, form = WORDS[objective]
    name, best = winner
    cost, least = COST[objective](measured), COST[objective](best)
    if cost > least:
        times = f" ({cost / least:.2f}x)" if objective != "accuracy" and least > 0 else ""
        gained = measured.accuracy - best.accuracy
        but = f", though {gained:.4f} more accurate" if gained > 0 and objective != "accuracy" else ""
        return f"on the front, but {form.format(cost - least)} {worse} than {name}{times}{but}"
    if measured.accuracy < best.accuracy:
        return f"as good as {name} in {objective}, but {best.accuracy - measured.accuracy:.4f} less accurate"
    return f"as good as {name} in {objective} and accuracy; {name} comes first by name"
