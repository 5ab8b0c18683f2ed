"""Select: the winner among the candidates that passed the gate and fit the device, and why each other one lost.

    verdict, measurements, device budget ──► [select] ──► winner, ranking, borderline?

Nobody left is a refusal that names the nearest candidate and the rules that it broke: a retry would find the same.

    python -m featherline.tasks select --request request.json --result result.json --store var/store
"""

from __future__ import annotations

import numpy as np

from featherline.tasks.contracts.measurement import Measurement, Verdict
from featherline.tasks.contracts.refusal import Problem, Refused, refuse
from featherline.tasks.contracts.steps.select import Objective, Ranked, SelectInputs, SelectOutputs, SelectParams
from featherline.tasks.judging.candidates.entries import Entry, by_nearness, entries_of
from featherline.tasks.judging.candidates.reasons import COST, why_broken, why_lost, why_won
from featherline.tasks.judging.candidates.speed import fastest_first, spans
from featherline.tasks.running.context import Context
from featherline.tasks.statistics.pareto import dominates

Rival = tuple[Entry, Measurement]
"""A candidate that broke nothing, and its measurement."""


def select(inputs: SelectInputs, params: SelectParams, context: Context) -> SelectOutputs:
    """Choose the winner by the objective; of equals the one of better quality, then the first by name.

    Latencies are equal where the clock cannot tell them apart.

    Raises:
        Refused: No candidate passed the gate and fits the device, or their energies were had in different ways.
    """
    verdict = context.store.read(inputs.verdict, Verdict)
    entries = entries_of(context.store, inputs.lanes, verdict, params.budget)
    rivals = [(entry, entry.measurement) for entry in entries if not entry.broken and entry.measurement is not None]
    if not rivals:
        raise _no_winner(entries, verdict)
    if params.objective == "energy":
        _check_energy(rivals)
    rivals = _ordered(rivals, params.objective)
    baseline = context.store.read(inputs.baseline.measurement, Measurement)
    ranking = [*_rank(rivals, baseline, params.objective), *(_lost(entry) for entry in entries if entry.broken)]
    winner, measured = rivals[0]
    close = winner.margin is None or winner.margin <= params.borderline
    for ranked in ranking:
        print(f"{ranked.name:<24} {ranked.verdict}  {ranked.reason}")
    if close:
        room = (
            "no rule of quality was judged"
            if winner.margin is None
            else f"{measured.quality.metric.amount(winner.margin)} from a rule of quality"
        )
        print(f"{winner.name} is borderline: {room}")
    for doubt in winner.doubts:
        print(f"{winner.name} is borderline: {doubt}")
    return SelectOutputs(
        winner=measured.candidate,
        model=winner.lane.model,
        measurement=winner.lane.measurement,
        ranking=tuple(ranking),
        borderline=close or bool(winner.doubts),
        doubts=winner.doubts,
    )


def _ordered(rivals: list[Rival], objective: Objective) -> list[Rival]:
    measured = [one for _, one in rivals]
    equals = [(-one.quality.reward, entry.name) for entry, one in rivals]
    if objective == "latency":
        return [rivals[place] for place in fastest_first(measured, equals)]
    costs = [COST[objective](one) for one in measured]
    return [rivals[place] for place in sorted(range(len(rivals)), key=lambda place: (costs[place], *equals[place]))]


def _rank(rivals: list[Rival], baseline: Measurement, objective: Objective) -> list[Ranked]:
    """Rank those who passed everything, the winner first."""
    exact = np.array([[-m.quality.reward, m.size_bytes, m.macs] for _, m in rivals], np.float64)
    times = spans([measured for _, measured in rivals])
    beaten = dominates(np.column_stack([exact, times[:, 0]]), np.column_stack([exact, times[:, 1]]))
    winner = (rivals[0][0].name, rivals[0][1])
    ranking = []
    for position, (entry, measured) in enumerate(rivals):
        better = np.flatnonzero(beaten[:, position])
        dominator = (rivals[better[0]][0].name, rivals[better[0]][1]) if len(better) else None
        reason = (
            why_won(measured, baseline, objective, [other for _, other in rivals[1:]])
            if position == 0
            else why_lost(measured, winner, objective, dominator)
        )
        ranking.append(Ranked(name=entry.name, verdict="pass", on_front=dominator is None, reason=reason))
    return ranking


def _lost(entry: Entry) -> Ranked:
    return Ranked(name=entry.name, verdict="fail", on_front=False, reason=why_broken(entry))


def _no_winner(entries: list[Entry], verdict: Verdict) -> Refused:
    if not entries:
        return refuse(
            "select has no candidate",
            expected="at least one lane",
            got="0 lanes",
            fix="read the first failed task of each lane",
        )
    near = by_nearness(entries)[0]
    who = f"select has no winner among {len(entries)} candidates: {near.name}, the nearest, broke"
    return Refused(
        *(
            Problem(f"{who} {broken.rule}", broken.expected, broken.got, f"{broken.fix}; verdict: {verdict.page.uri}")
            for broken in near.broken
        )
    )


def _check_energy(rivals: list[Rival]) -> None:
    methods = sorted({measured.energy_method for _, measured in rivals})
    if len(methods) > 1:
        raise refuse(
            "select cannot compare the candidates' energy",
            expected="one way of having it for all: an estimate is never compared with a measurement",
            got=", ".join(methods),
            fix="evaluate all candidates on one kind of machine, or choose another gate.objective",
        )
