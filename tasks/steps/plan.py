"""Plan: which candidates get a lane.

    candidates, chosen architectures, device ──► [plan] ──► lanes, and what cannot fit, with the reason
    what the dry run found broken ────────────────┘

Refuses only where nothing is left. What can fit is an estimate (`planning.expand`), generous to a pruned candidate; one
that would have come out below half of it is refused too. `select` judges the measured file.

    python -m featherline.tasks plan --request request.json --result result.json --store var/store
"""

from __future__ import annotations

from featherline.tasks.contracts.candidate import Candidate, Infeasible
from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.contracts.steps.plan import PlanInputs, PlanOutputs, PlanParams
from featherline.tasks.planning.auto.grid import candidate as proposal
from featherline.tasks.planning.auto.grid import fits_device
from featherline.tasks.planning.auto.rounds import first_points
from featherline.tasks.planning.expand import infeasible, lanes
from featherline.tasks.running.context import Context


def plan(inputs: PlanInputs, params: PlanParams, context: Context) -> PlanOutputs:
    """Return the lanes in the order of the recipe, and the candidates that cannot fit the device.

    With `auto` the first round of proposals follows: the presets that can fit (`featherline.tasks.planning.auto`).

    Raises:
        Refused: No candidate can fit, so that there is nothing to train.
    """
    feasible: list[Candidate] = []
    refused: list[Infeasible] = []
    broken = {one.name: one.reason for one in inputs.infeasible}
    for lane in lanes(params.candidates, inputs.architectures, export=params.export, evaluate=params.evaluate):
        candidate, size = lane.candidate, lane.student or inputs.model
        reason = broken.get(lane.expanded) or infeasible(candidate, size.parameters, size.macs, params.budget)
        if reason is None:
            feasible.append(candidate)
        else:
            refused.append(Infeasible(name=candidate.name, reason=reason))
        print(f"{candidate.name}: {reason or 'gets a lane'}")
    for candidate in _proposed(inputs, params, context.seed):
        if candidate.name in broken:
            refused.append(Infeasible(name=candidate.name, reason=broken[candidate.name]))
        else:
            feasible.append(candidate)
    if not feasible:
        raise refuse(
            "plan found no candidate that can be had and can fit the device",
            expected=f"a candidate within {params.budget.model_dump_json(exclude_none=True)}",
            got="; ".join(f"{item.name}: {item.reason}" for item in refused[:5]) or "no candidate at all",
            fix="prune harder, use int8, search for a smaller student, or choose a device that carries more",
        )
    return PlanOutputs(candidates=tuple(feasible), infeasible=tuple(refused))


def _proposed(inputs: PlanInputs, params: PlanParams, seed: int) -> list[Candidate]:
    if params.auto is None:
        return []
    auto, architectures = params.auto, inputs.architectures
    fits = fits_device(auto, inputs.model, architectures, params.budget)
    found = [
        proposal(point, auto, architectures, export=params.export, evaluate=params.evaluate)
        for point in first_points(auto, architectures, seed=seed, fits=fits)
    ]
    for one in found:
        print(f"{one.name}: gets a lane, as a preset or by lot")
    return found
