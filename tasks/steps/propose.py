"""Propose: the next round of lanes, from the results of the earlier ones.

    candidates so far, their measurements, goal, time ──► [propose] ──► candidates, or none: the search is over

Of a failed lane the sampler learns that its point failed, and nothing stops. The same history gives the same proposals.

    python -m featherline.tasks propose --request request.json --result result.json --store var/store
"""

from __future__ import annotations

from featherline.tasks.contracts.auto import Auto, PipelinePoint
from featherline.tasks.contracts.measurement import Measurement
from featherline.tasks.contracts.steps.propose import ProposeInputs, ProposeOutputs, ProposeParams
from featherline.tasks.planning.auto.grid import candidate, fits_device
from featherline.tasks.planning.auto.outcomes import Outcome, outcomes
from featherline.tasks.planning.auto.sampler import next_points
from featherline.tasks.running.context import Context


def propose(inputs: ProposeInputs, params: ProposeParams, context: Context) -> ProposeOutputs:
    """Return the lanes of this round; none where the goal is met, or the time or the space is used up."""
    auto = params.auto
    if auto is None:
        return ProposeOutputs(candidates=(), why="the recipe has no such round")
    history = _history(inputs, params, context)
    for outcome in history:
        print(_line(outcome))
    spent = context.external_state.lane_seconds or 0.0
    lanes, why = allowance(auto, history, spent)
    chosen = _points(inputs, params, history, lanes, context.seed) if lanes else []
    if lanes and not chosen:
        why = "every combination that can fit the device was tried"
    print(f"round {inputs.round}: {why}")
    found = tuple(
        candidate(point, auto, inputs.architectures, export=params.export, evaluate=params.evaluate) for point in chosen
    )
    for one in found:
        print(f"{one.name}: gets a lane")
    return ProposeOutputs(candidates=found, why=why)


def allowance(auto: Auto, history: list[Outcome], spent_s: float) -> tuple[int, str]:
    """Return how many lanes the next round may have, and why.

    The time that a lane will take is estimated as the mean of those that arrived.
    """
    if auto.goal is not None:
        met = next((outcome for outcome in history if outcome.good and outcome.within(auto.goal)), None)
        if met is not None:
            return 0, f"{met.name} meets the goal"
    if auto.minutes is None:
        return auto.lanes, f"up to {auto.lanes} lanes"
    left_s = auto.minutes * 60 - spent_s
    arrived = sum(not outcome.failed for outcome in history)
    lane_s = spent_s / arrived if arrived else 0.0
    lanes = auto.lanes if lane_s == 0 else min(auto.lanes, int(left_s / lane_s))
    said = f"{spent_s:.0f} s of {auto.minutes * 60:.0f} s are spent, about {lane_s:.0f} s a lane"
    if left_s <= 0 or lanes < 1:
        return 0, f"the time is used up: {said}"
    return lanes, f"up to {lanes} lanes: {said}"


def _history(inputs: ProposeInputs, params: ProposeParams, context: Context) -> list[Outcome]:
    measured = [(lane, context.store.read(lane.measurement, Measurement)) for lane in inputs.lanes]
    arrived = {measurement.candidate: (lane, measurement) for lane, measurement in measured}
    return outcomes(
        inputs.plan.candidates,
        arrived,
        inputs.baseline,
        budget=params.budget,
        rules=params.rules,
        objective=params.objective,
    )


def _points(
    inputs: ProposeInputs, params: ProposeParams, history: list[Outcome], lanes: int, seed: int
) -> list[PipelinePoint]:
    auto = params.auto or Auto()
    fits = fits_device(auto, inputs.model, inputs.architectures, params.budget)
    return next_points(auto, inputs.architectures, history, lanes=lanes, seed=seed, fits=fits)


def _line(outcome: Outcome) -> str:
    if outcome.failed:
        return f"{outcome.name}: failed"
    broken = [name for name, by in outcome.violations.items() if by > 0]
    said = f"breaks {', '.join(broken)}" if broken else "keeps every rule"
    return (
        f"{outcome.name}: cost {outcome.cost:,.6g}, validation quality {outcome.metric.text(outcome.quality)}, {said}"
    )
